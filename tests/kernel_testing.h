#pragma once
// What the tests of values share: random inputs, comparisons that NaN does not pass, every instruction set, any number of threads.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "tensor/isa.h"
#include "tensor/parallel.h"
#include "tensor/philox.h"
#include "tensor/tensor.h"
#include "tests/errors.h"

namespace tensor {

inline Tensor tensor_of(const std::vector<double>& values, Shape shape, Dtype dtype) {
  if (dtype == Dtype::f64) return Tensor::from(values, shape);
  return Tensor::from(std::vector<float>(values.begin(), values.end()), shape);
}

/// Uniform in [-1, 1).
inline Tensor random_tensor(Shape shape, Dtype dtype, uint64_t seed) {
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < values.size(); ++i) {
    const auto words = philox(seed, Stream::test, i);
    values[i] = 2 * uniform(words[0], words[1]) - 1;
  }
  return tensor_of(values, shape, dtype);
}

inline Tensor add_offset(const Tensor& x, double offset) {
  std::vector<double> values = x.to_vector();
  for (double& value : values) value += offset;
  return tensor_of(values, x.shape(), x.dtype());
}

/// |got - want| <= tolerance * max(1, |want|) for every element; a NaN on either side fails, an infinity equals itself.
inline void expect_close(const Tensor& got, const Tensor& want, double tolerance) {
  ASSERT_EQ(got.shape().to_string(), want.shape().to_string());
  ASSERT_EQ(got.dtype(), want.dtype());
  const std::vector<double> a = got.to_vector(), b = want.to_vector();
  for (size_t i = 0; i < a.size(); ++i) {
    const bool agrees = a[i] == b[i] || (std::isfinite(b[i]) && std::abs(a[i] - b[i]) <= tolerance * std::max(1.0, std::abs(b[i])));
    ASSERT_TRUE(agrees) << "element " << i << ": " << a[i] << ", expected " << b[i];
  }
}

inline void expect_same_bits(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.shape().to_string(), b.shape().to_string());
  ASSERT_EQ(a.dtype(), b.dtype());
  EXPECT_EQ(std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())), 0);
}

/// Restores instruction set and threads at the end of a test.
struct RestoreSettings {
  Isa chosen = isa();
  int threads = num_threads();
  ~RestoreSettings() {
    set_isa(chosen);
    set_num_threads(threads);
  }
};

/// body(dtype) for f32 and f64 on every instruction set of this machine.
inline void for_each_path(const std::function<void(Dtype)>& body) {
  const RestoreSettings restore;
  for (const Isa path : available_isas())
    for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
      SCOPED_TRACE(fmt::format("{} {}", name(path), name(dtype)));
      set_isa(path);
      body(dtype);
    }
}

inline void expect_same_bits_for_any_threads(const std::function<std::vector<Tensor>()>& compute) {
  const RestoreSettings restore;
  set_num_threads(1);
  const std::vector<Tensor> alone = compute();
  for (const int threads : {2, 5}) {
    set_num_threads(threads);
    const std::vector<Tensor> together = compute();
    ASSERT_EQ(together.size(), alone.size());
    for (size_t i = 0; i < alone.size(); ++i) expect_same_bits(together[i], alone[i]);
  }
}

/// dx against central differences of sum(dy * f(x)), f64, every element.
inline void expect_gradient(const Tensor& x, const Tensor& dy, const Tensor& dx, const std::function<Tensor(const Tensor&)>& f,
                            double tolerance = 1e-7) {
  ASSERT_EQ(dx.shape().to_string(), x.shape().to_string());
  const std::vector<double> weights = dy.to_vector(), analytic = dx.to_vector();
  const auto loss = [&](const std::vector<double>& at) {
    const std::vector<double> y = f(tensor_of(at, x.shape(), Dtype::f64)).to_vector();
    double sum = 0;
    for (size_t i = 0; i < y.size(); ++i) sum += weights[i] * y[i];
    return sum;
  };
  std::vector<double> at = x.to_vector();
  for (size_t i = 0; i < at.size(); ++i) {
    const double centre = at[i], h = 1e-5 * std::max(1.0, std::abs(centre));
    at[i] = centre + h;
    const double above = loss(at);
    at[i] = centre - h;
    const double numeric = (above - loss(at)) / (2 * h);
    at[i] = centre;
    const bool agrees = std::abs(analytic[i] - numeric) <= tolerance * std::max({1.0, std::abs(analytic[i]), std::abs(numeric)});
    ASSERT_TRUE(agrees) << "element " << i << ": " << analytic[i] << ", differences give " << numeric;
  }
}

}  // namespace tensor
