#pragma once
// Small helpers for text: messages of one line, numbers, and the names of enum values.

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace nn {

/// "a, b, c". (fmt::join gives a false overflow warning with GCC 12 and {fmt} 9.)
template <class Items>
std::string joined(const Items& items, const char* separator = ", ") {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : separator) + fmt::format("{}", item);
  return text;
}

/// Length in bytes of the UTF-8 character at text[at]; 0 if the bytes are not UTF-8, an overlong form or a surrogate.
inline size_t utf8_length(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) { return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u; };
  const unsigned lead = byte(0);
  const size_t length = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : (lead & 0xf0) == 0xe0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
  const bool no_character = (lead == 0xed && byte(1) >= 0xa0) || (lead == 0xf4 && byte(1) >= 0x90);
  return overlong || no_character ? 0 : length;
}

/// A foreign name as one line of UTF-8: control characters and bytes that are not UTF-8 become \xNN. Truncated after `max_bytes` bytes.
inline std::string escaped(const std::string& name, size_t max_bytes = std::string::npos) {
  std::string text;
  for (size_t at = 0; at < name.size();) {
    if (text.size() >= max_bytes) return text + "...";
    const auto byte = static_cast<unsigned char>(name[at]);
    const size_t length = byte < 0x20 || byte == 0x7f ? 0 : utf8_length(name, at);
    text += length == 0 ? fmt::format("\\x{:02x}", byte) : name.substr(at, length);
    at += length == 0 ? 1 : length;
  }
  return text;
}

/// escaped(), truncated to 80 bytes for messages.
inline std::string printable(const std::string& name) { return escaped(name, 80); }

/// 12345 -> "12,345".
std::string with_commas(int64_t number);
/// "0:42", "12:05", "3:07:59"; "?" for a negative time or one above 1e9 s.
std::string format_seconds(double seconds);
/// The shortest texts that give the same doubles when read again, separated by blanks.
std::string join_numbers(const std::vector<double>& numbers);
/// Numbers separated by blanks; anything else is an Error of one line.
std::vector<double> split_numbers(const std::string& text);

/// The names of an enum's values. A value with several names is written by its first one; the others are accepted on reading.
template <class Enum>
using Names = std::vector<std::pair<std::string, Enum>>;

template <class Enum>
std::string name_of(Enum value, const Names<Enum>& names) {
  for (const auto& [name, named] : names)
    if (named == value) return name;
  return "";
}
template <class Enum>
std::optional<Enum> value_of(const std::string& name, const Names<Enum>& names) {
  for (const auto& [known, value] : names)
    if (known == name) return value;
  return std::nullopt;
}
/// "cosine, step or constant": the first name of each value.
template <class Enum>
std::string known_names(const Names<Enum>& names) {
  std::vector<std::string> known;
  for (const auto& [name, value] : names)
    if (name_of(value, names) == name) known.push_back(name);
  if (known.size() < 2) return joined(known);
  const std::string last = known.back();
  known.pop_back();
  return joined(known) + " or " + last;
}

}  // namespace nn
