#pragma once
// The JSON header of a safetensors file, as text and as checked entries. Private to nn/safetensors*.cpp.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace nn {

struct HeaderEntry {
  std::string name, dtype;  ///< dtype as the file spells it: "F32"
  std::vector<uint64_t> shape;
  uint64_t begin = 0, end = 0;  ///< bytes after the header
};
struct Header {
  std::vector<HeaderEntry> entries;  ///< in the file's order
  std::map<std::string, std::string> metadata;
};

/// Takes the text apart; throws an Error without the file's name for anything that is not a header: bad JSON, duplicate names, unknown or
/// missing fields, fields of a wrong type. Whether offsets, shapes and dtypes make sense is the caller's to check.
Header parse_header(const std::string& text);
/// The text for the entries in their order, padded with spaces to a multiple of 8 bytes.
std::string format_header(const Header& header);

}  // namespace nn
