#pragma once
// A shape: up to six extents, by value.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "tensor/check.h"

namespace tensor {

class Shape {
 public:
  static constexpr int max_rank = 6;

  Shape() = default;  ///< rank 0: a scalar, one element
  Shape(std::initializer_list<int64_t> extents) {
    for (const int64_t extent : extents) push_back(extent);
  }

  int rank() const { return rank_; }
  /// Extent of axis `axis`; negative axes count from the end.
  int64_t operator[](int axis) const {
    const int at = axis < 0 ? axis + rank_ : axis;
    CHECK(at >= 0 && at < rank_, "axis {} of shape {} does not exist", axis, to_string());
    return extents_[at];
  }
  void push_back(int64_t extent) {
    CHECK(rank_ < max_rank, "a shape has at most {} axes", max_rank);
    CHECK(extent >= 0, "extent {} is negative", extent);
    extents_[rank_++] = extent;
  }
  /// Product of the extents; throws when it does not fit into 63 bits.
  int64_t numel() const {
    int64_t product = 1;
    for (int axis = 0; axis < rank_; ++axis)
      CHECK(!__builtin_mul_overflow(product, extents_[axis], &product), "shape {} has too many elements", to_string());
    return product;
  }
  bool operator==(const Shape& other) const { return rank_ == other.rank_ && extents_ == other.extents_; }
  bool operator!=(const Shape& other) const { return !(*this == other); }
  std::string to_string() const {
    std::string text = "(";
    for (int axis = 0; axis < rank_; ++axis) text += (axis ? ", " : "") + std::to_string(extents_[axis]);
    return text + ")";
  }

 private:
  std::array<int64_t, max_rank> extents_{};
  int rank_ = 0;
};

}  // namespace tensor
