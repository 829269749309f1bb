#pragma once
// Means over the images of an epoch, by name.

#include <cstdint>
#include <map>
#include <string>

namespace mode {

class Meters {
 public:
  /// Adds the `mean` of `count` images.
  void add(const std::string& name, double mean, int64_t count);
  /// The mean of all added images; NaN without any.
  double mean(const std::string& name) const;
  int64_t count(const std::string& name) const;
  void clear() { sums_.clear(); }

  /// name -> "sum count"; from_text gives the same doubles.
  std::map<std::string, std::string> to_text() const;
  /// Other text is an Error of one line.
  static Meters from_text(const std::map<std::string, std::string>& text);

 private:
  struct Sum {
    double sum = 0;
    int64_t count = 0;
  };
  std::map<std::string, Sum> sums_;
};

}  // namespace mode
