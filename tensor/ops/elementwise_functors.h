#pragma once
// One functor per formula, the same source on every device. Comparisons are written so that NaN passes.

#include <cmath>
#include <cstdint>
#include <cstring>

#include "tensor/dtype.h"
#include "tensor/host_device.h"
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

}  // namespace tensor::ops
