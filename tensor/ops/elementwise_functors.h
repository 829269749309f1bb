#pragma once
// One functor per formula, the same source on every device. Comparisons are written so that NaN passes.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tensor/dtype.h"
#include "tensor/math.h"
#include "tensor/ops/exp.h"

namespace tensor::ops {

struct Add {
  template <class T>
  HOST_DEVICE T operator()(T a, T b) const {
    return a + b;
  }
};

struct Subtract {
  template <class T>
  HOST_DEVICE T operator()(T a, T b) const {
    return a - b;
  }
};

struct Multiply {
  template <class T>
  HOST_DEVICE T operator()(T a, T b) const {
    return a * b;
  }
};

struct Divide {
  template <class T>
  HOST_DEVICE T operator()(T a, T b) const {
    return a / b;
  }
};

struct Scale {
  double factor;
  template <class T>
  HOST_DEVICE T operator()(T x) const {
    return static_cast<T>(factor) * x;
  }
};

struct AddScalar {
  double term;
  template <class T>
  HOST_DEVICE T operator()(T x) const {
    return x + static_cast<T>(term);
  }
};

struct Relu {
  template <class T>
  HOST_DEVICE T operator()(T x) const {
    return x < T(0) ? T(0) : x;
  }
};

/// (y, dy) -> dx, y = relu(x)
struct ReluGrad {
  template <class T>
  HOST_DEVICE T operator()(T y, T dy) const {
    return y > T(0) ? dy : T(0);
  }
};

/// (y, dy) -> dx of y = softmax(x), with dot = sum_c dy y
template <class T>
struct SoftmaxGrad {
  T dot;
  HOST_DEVICE T operator()(T y, T dy) const { return y * (dy - dot); }
};

/// (y, dy) -> dx of y = log_softmax(x), with sum = sum_c dy
template <class T>
struct LogSoftmaxGrad {
  T sum;
  HOST_DEVICE T operator()(T y, T dy) const { return dy - Exp{}(y)*sum; }
};

/// (dy, x) -> dx of y = x / (|x| + eps), with a = 1 / (|x| + eps) and b = (x . dy) / |x| a^2
template <class T>
struct L2NormalizeGrad {
  T a, b;
  HOST_DEVICE T operator()(T dy, T x) const { return a * dy - b * x; }
};

/// (p, t) -> dx of the mean cross-entropy of softmax probabilities p and targets t, with factor = dloss / R
template <class T>
struct CrossEntropyGrad {
  T factor;
  HOST_DEVICE T operator()(T p, T t) const { return factor * (p - t); }
};

struct Log {
  template <class T>
  HOST_DEVICE T operator()(T x) const {
    return std::log(x);
  }
};

struct Sqrt {
  template <class T>
  HOST_DEVICE T operator()(T x) const {
    return std::sqrt(x);
  }
};

/// Conversions; to bfloat16 by one rounding to nearest even, from double too.
template <class To>
struct Cast {
  HOST_DEVICE To operator()(bfloat16 x) const { return convert(static_cast<float>(x)); }
  template <class From>
  HOST_DEVICE To operator()(From x) const {
    return convert(x);
  }

 private:
  template <class From>
  static HOST_DEVICE To convert(From x) {
    return static_cast<To>(x);
  }
};

template <>
struct Cast<bfloat16> {
  HOST_DEVICE bfloat16 operator()(bfloat16 x) const { return x; }
  HOST_DEVICE bfloat16 operator()(float x) const { return bfloat16(x); }
  HOST_DEVICE bfloat16 operator()(double x) const {
    // Rounding twice, to float and to bfloat16, could create a false tie. Rounding to odd in the first step prevents that.
    float nearest = static_cast<float>(x);
    uint32_t word;
    std::memcpy(&word, &nearest, 4);
    const bool is_finite = (word & 0x7f800000u) != 0x7f800000u;
    if (is_finite && static_cast<double>(nearest) != x && (word & 1u) == 0) {
      word += std::fabs(static_cast<double>(nearest)) < std::fabs(x) ? 1u : ~0u;
      std::memcpy(&nearest, &word, 4);
    }
    return bfloat16(nearest);
  }
};

template <class To, class Function>
void dispatch_cast_from(Dtype from, const Function& function) {
  dispatch_any(from, [&](auto zero) {
    constexpr bool exists = !std::is_same_v<To, bfloat16> || !std::is_integral_v<decltype(zero)>;
    if constexpr (exists) function(To{}, zero);
  });
}

/// Calls function(To{}, From{}) for the conversions that ops::cast has; others are errors there.
template <class Function>
void dispatch_cast(Dtype to, Dtype from, const Function& function) {
  if (to == Dtype::f32) return dispatch_cast_from<float>(from, function);
  if (to == Dtype::f64) return dispatch_cast_from<double>(from, function);
  dispatch_cast_from<bfloat16>(from, function);
}

}  // namespace tensor::ops
