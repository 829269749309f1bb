#pragma once
// Text for messages of one line.

#include <fmt/format.h>

#include <string>

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

}  // namespace nn
