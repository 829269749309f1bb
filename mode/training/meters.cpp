#include "mode/training/meters.h"

#include <cmath>

#include "nn/text.h"
#include "tensor/check.h"

namespace mode {

void Meters::add(const std::string& name, double mean, int64_t count) {
  Sum& sum = sums_[name];
  sum.sum += mean * static_cast<double>(count);
  sum.count += count;
}

double Meters::mean(const std::string& name) const {
  const auto found = sums_.find(name);
  return found == sums_.end() || found->second.count == 0 ? std::nan("") : found->second.sum / static_cast<double>(found->second.count);
}

int64_t Meters::count(const std::string& name) const {
  const auto found = sums_.find(name);
  return found == sums_.end() ? 0 : found->second.count;
}

std::map<std::string, std::string> Meters::to_text() const {
  std::map<std::string, std::string> text;
  for (const auto& [name, sum] : sums_) text[name] = fmt::format("{:.17g} {}", sum.sum, sum.count);
  return text;
}

Meters Meters::from_text(const std::map<std::string, std::string>& text) {
  Meters meters;
  for (const auto& [name, value] : text) {
    const std::vector<double> numbers = nn::split_numbers(value);
    CHECK(numbers.size() == 2 && numbers[1] >= 0 && numbers[1] < 9e15 && numbers[1] == std::floor(numbers[1]),
          "meter {}: '{}': expected a sum and a count", nn::printable(name), nn::printable(value));
    meters.sums_[name] = {numbers[0], static_cast<int64_t>(numbers[1])};
  }
  return meters;
}

}  // namespace mode
