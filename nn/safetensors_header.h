#pragma once
// The JSON of safetensors files: the header, and the lists that are values of its metadata. Private to nn/.
// safetensors_header.cpp is the only file of nn/ that compiles nlohmann/json.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace nn {

struct HeaderEntry {
  std::string name, dtype;  ///< dtype as in the file: "F32"
  std::vector<uint64_t> shape;
  uint64_t begin = 0, end = 0;  ///< byte offsets from the end of the header
};
struct Header {
  std::vector<HeaderEntry> entries;  ///< in the order of the file
  std::map<std::string, std::string> metadata;
};

/// Parses the header. Bad JSON, duplicate names, unknown or missing fields and fields of a wrong type are Errors, without the file's name.
/// The caller checks offsets, shapes and dtypes.
Header parse_header(const std::string& text);
/// The entries in their order, padded with spaces to a multiple of 8 bytes.
std::string format_header(const Header& header);

/// A JSON list of strings or of numbers; nothing if the text is anything else.
std::optional<std::vector<std::string>> parse_strings(const std::string& text);
std::optional<std::vector<double>> parse_numbers(const std::string& text);
/// The same lists as text. Bytes that are not UTF-8 are replaced; numbers have as many digits as they need to be read back exactly.
std::string format_strings(const std::vector<std::string>& strings);
std::string format_numbers(const std::vector<double>& numbers);

}  // namespace nn
