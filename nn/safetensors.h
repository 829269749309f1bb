#pragma once
// The safetensors format: 8 bytes of header length, a JSON header, then the tensors' bytes. Read with suspicion, written whole or not at
// all.

#include <map>
#include <string>

#include "nn/module.h"

namespace nn {

struct TensorFile {
  std::map<std::string, Tensor> tensors;        ///< f32, f64, bf16, i32, i64, u8; F16 is widened to f32
  std::map<std::string, std::string> metadata;  ///< "__metadata__"
};

/// Every fault of the file (missing, truncated, overlapping or out-of-range offsets, duplicate names, unknown dtype, a header that claims
/// more than the file holds ...) is an Error of one line that names the file and the fault. Where the metadata has a "content_hash", it is
/// compared with what came. Memory: what the file holds, twice that for F16.
TensorFile read_safetensors(const std::string& path);
/// Written beside, fsynced, renamed: the old file stays whole until the new one is. Bytes depend on the content alone: tensors stand by
/// falling element size, then by name, so that each is aligned to its own elements.
void write_safetensors(const std::string& path, const TensorFile& file);
/// The same for any text or bytes (results, logs).
void write_file(const std::string& path, const std::string& bytes);
/// 16 hexadecimal digits (xxHash) over names, shapes, dtypes and bytes of all tensors.
std::string content_hash(const std::map<std::string, Tensor>& tensors);
/// The same over the metadata too, "content_hash" itself left out.
std::string content_hash(const TensorFile& file);
/// Puts the file's content hash into its metadata, so that read_safetensors notices any later change. Call last, before writing.
void seal(TensorFile& file);

}  // namespace nn
