#pragma once
// Small helpers for messages of one line.

#include <fmt/format.h>

#include <string>

namespace nn {

/// "a, b, c". (fmt::join makes GCC 12 warn of an overflow inside {fmt} 9 that cannot happen.)
template <class Items>
std::string joined(const Items& items, const char* separator = ", ") {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : separator) + fmt::format("{}", item);
  return text;
}

/// A name from a file, fit for a message: control characters escaped, cut after 80 bytes.
inline std::string printable(const std::string& name) {
  std::string text;
  for (const char c : name) {
    if (text.size() >= 80) return text + "...";
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      text += fmt::format("\\x{:02x}", byte);
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace nn
