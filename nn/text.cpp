#include "nn/text.h"

#include <cmath>
#include <cstdlib>

#include "tensor/check.h"

namespace nn {

std::string with_commas(int64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t at = 0; at < digits.size(); ++at) {
    if (at > 0 && digits[at - 1] != '-' && (digits.size() - at) % 3 == 0) text += ',';
    text += digits[at];
  }
  return text;
}

std::string format_seconds(double seconds) {
  if (!(seconds >= 0 && seconds < 1e9)) return "?";
  const int64_t whole = std::llround(seconds);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string join_numbers(const std::vector<double>& numbers) { return joined(numbers, " "); }

std::vector<double> split_numbers(const std::string& text) {
  std::vector<double> numbers;
  const char* at = text.c_str();
  while (true) {
    char* end = nullptr;
    const double number = std::strtod(at, &end);
    if (end == at) break;
    numbers.push_back(number);
    at = end;
  }
  while (*at == ' ') ++at;
  CHECK(*at == 0, "'{}': expected numbers separated by blanks", printable(text));
  return numbers;
}

}  // namespace nn
