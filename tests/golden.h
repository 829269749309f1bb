#pragma once
// Reading tests/golden/*.safetensors, and comparing tensors with them.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "nn/safetensors.h"
#include "tensor/ops/elementwise.h"
#include "tests/kernel_testing.h"

namespace golden {

using tensor::Dtype;
using tensor::for_each_path;
using tensor::Shape;
using tensor::Tensor;

class File {
 public:
  explicit File(const std::string& name) : path_(fmt::format("{}/{}.safetensors", GOLDEN_DIR, name)), file_(nn::read_safetensors(path_)) {}

  bool has(const std::string& key) const { return file_.tensors.count(key) == 1; }
  const Tensor& operator[](const std::string& key) const {
    CHECK(has(key), "{} has no tensor {}; run tests/golden/make_golden.py", path_, key);
    return file_.tensors.at(key);
  }
  /// A stored input (f32), in the dtype under test.
  Tensor input(const std::string& key, Dtype dtype) const {
    const Tensor& stored = (*this)[key];
    return dtype == stored.dtype() ? stored : tensor::ops::cast(stored, dtype);
  }
  std::vector<int64_t> integers(const std::string& key) const {
    const Tensor& stored = (*this)[key];
    return {stored.data<int64_t>(), stored.data<int64_t>() + stored.numel()};
  }
  /// The number of cases PREFIX0SUFFIX, PREFIX1SUFFIX ...
  int cases(const std::string& prefix, const std::string& suffix) const {
    int count = 0;
    while (has(prefix + std::to_string(count) + suffix)) ++count;
    return count;
  }

 private:
  std::string path_;
  nn::TensorFile file_;
};

inline double epsilon(Dtype dtype) {
  return dtype == Dtype::f64 ? std::numeric_limits<double>::epsilon() : static_cast<double>(std::numeric_limits<float>::epsilon());
}

/// The allowed error of a sum of `length` terms. Rounding errors add up like a random walk, to about epsilon sqrt(length) of the largest
/// result. Eight times that allows for the order of the terms and is far below the effect of a wrong formula.
inline double tolerance(Dtype dtype, int64_t length) { return 8 * epsilon(dtype) * (1 + std::sqrt(static_cast<double>(length))); }

/// |got - expected| <= tolerance * max(1, largest |expected|) for every element, and the same shape.
inline void expect_close(const Tensor& got, const Tensor& expected, double tolerance, const std::string& what) {
  ASSERT_TRUE(got.defined()) << what;
  ASSERT_EQ(got.shape().to_string(), expected.shape().to_string()) << what;
  const std::vector<double> a = got.to_vector(), b = expected.to_vector();
  double scale = 1;
  for (const double value : b) scale = std::max(scale, std::fabs(value));
  double worst = 0;
  size_t where = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double error = std::fabs(a[i] - b[i]);
    if (!(error <= worst)) worst = error, where = i;
    if (std::isnan(error)) break;
  }
  EXPECT_TRUE(worst <= tolerance * scale) << what << ": element " << where << " is " << a[where] << ", expected " << b[where] << " (error "
                                          << worst << ", allowed " << tolerance * scale << ")";
}

}  // namespace golden
