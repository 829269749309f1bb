#pragma once
// Means over the images of an epoch, each under its own name: several losses never share a meter.

#include <cstdint>
#include <map>
#include <string>

namespace mode::tools {

class Meters {
 public:
  /// `mean` over `count` more images.
  void add(const std::string& name, double mean, int64_t count);
  /// Over all that were added; NaN where nothing was.
  double mean(const std::string& name) const;
  int64_t count(const std::string& name) const;
  void clear() { sums_.clear(); }

  /// name -> "sum count", the same doubles when read again.
  std::map<std::string, std::string> to_text() const;
  /// An Error of one line where text is not that.
  static Meters from_text(const std::map<std::string, std::string>& text);

 private:
  struct Sum {
    double sum = 0;
    int64_t count = 0;
  };
  std::map<std::string, Sum> sums_;
};

}  // namespace mode::tools
