#pragma once
// The safetensors format: 8 bytes of header length, a JSON header, then the bytes of the tensors.
// Foreign files are not trusted: every size is checked before memory is allocated. Files are written atomically (nn/files.h).

#include <map>
#include <string>

#include "nn/module.h"

namespace nn {

struct TensorFile {
  std::map<std::string, Tensor> tensors;        ///< f32, f64, bf16, i32, i64, u8; F16 is widened to f32
  std::map<std::string, std::string> metadata;  ///< the header's "__metadata__"
};

/// Every fault of the file is an Error of one line that names the file and the fault: a missing or truncated file, overlapping or
/// out-of-range offsets, duplicate names, an unknown dtype, a header longer than the file.
/// If the metadata has a "content_hash", it is compared with the hash of the content.
/// Memory: at most the size of the file, twice that for F16.
TensorFile read_safetensors(const std::string& path);
/// An existing file is replaced only when the new one is complete. The bytes depend on the content alone: tensors are sorted by falling
/// element size, then by name, which aligns every tensor to its elements.
void write_safetensors(const std::string& path, const TensorFile& file);

/// 16 hexadecimal digits (XXH3) over names, shapes, dtypes and bytes of all tensors.
std::string content_hash(const std::map<std::string, Tensor>& tensors);
/// The same over the tensors and the metadata without "content_hash".
std::string content_hash(const TensorFile& file);
/// Stores the content hash in the metadata, so that read_safetensors detects later changes. Call it last, before writing.
void add_content_hash(TensorFile& file);

}  // namespace nn
