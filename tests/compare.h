#pragma once
// What the tests share: random tensors, comparisons that fail on NaN, guards that put settings back.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "tensor/isa.h"
#include "tensor/parallel.h"
#include "tensor/philox.h"
#include "tensor/tensor.h"

namespace tensor {

/// Uniform in [low, high), f32 or f64.
inline Tensor random_tensor(Shape shape, uint64_t seed, Dtype dtype = Dtype::f32, double low = -1, double high = 1) {
  Tensor result(shape, dtype);
  dispatch_floating(dtype, [&](auto zero) {
    using T = decltype(zero);
    T* data = result.data<T>();
    for (int64_t i = 0, n = result.numel(); i < n; ++i) {
      const auto words = philox(seed, Stream::test, static_cast<uint64_t>(i));
      data[i] = static_cast<T>(low + (high - low) * uniform(words[0], words[1]));
    }
  });
  return result;
}

/// The largest |a - b| / max(1, |a|, |b|); infinite when anything is not finite or the shapes differ.
inline double worst_difference(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) return INFINITY;
  const auto left = a.to_vector(), right = b.to_vector();
  double worst = 0;
  for (size_t i = 0; i < left.size(); ++i) {
    const double error = std::fabs(left[i] - right[i]) / std::max({1.0, std::fabs(left[i]), std::fabs(right[i])});
    if (!(error <= worst)) worst = std::isfinite(error) ? error : INFINITY;
  }
  return worst;
}

inline void expect_close(const Tensor& actual, const Tensor& expected, double tolerance) {
  ASSERT_EQ(actual.shape().to_string(), expected.shape().to_string());
  EXPECT_EQ(name(actual.dtype()), name(expected.dtype()));
  const double worst = worst_difference(actual, expected);
  EXPECT_TRUE(worst <= tolerance) << "worst difference " << worst << ", allowed " << tolerance;
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() && a.dtype() == b.dtype() &&
         (a.numel() == 0 || std::memcmp(a.raw(), b.raw(), static_cast<size_t>(a.bytes())) == 0);
}

/// The call must throw an Error whose message contains `part`.
template <class Call>
void expect_error(const Call& call, const std::string& part) {
  try {
    call();
    ADD_FAILURE() << "nothing was thrown; expected: " << part;
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << "message: " << error.what() << "\nexpected: " << part;
  }
}

class IsaGuard {
 public:
  explicit IsaGuard(Isa wanted) : before_(isa()) { set_isa(wanted); }
  ~IsaGuard() { set_isa(before_); }

 private:
  Isa before_;
};

class ThreadsGuard {
 public:
  explicit ThreadsGuard(int threads) : before_(num_threads()) { set_num_threads(threads); }
  ~ThreadsGuard() { set_num_threads(before_); }

 private:
  int before_;
};

}  // namespace tensor
