#pragma once
// Tensor: a small value of shape, dtype, device and shared storage. Always contiguous and row-major.

#include <memory>
#include <vector>

#include "tensor/device.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"
#include "tensor/storage.h"

namespace tensor {

/// Copies share storage. An op returns a new tensor; a tensor that a graph has captured is never written again.
class Tensor {
 public:
  Tensor() = default;  ///< undefined: `defined()` is false, nothing else may be asked
  /// Uninitialized elements.
  explicit Tensor(Shape shape, Dtype dtype = Dtype::f32, Device device = {});

  static Tensor zeros(Shape shape, Dtype dtype = Dtype::f32, Device device = {});
  /// Every element `value` (rounded to dtype).
  static Tensor full(Shape shape, double value, Dtype dtype = Dtype::f32, Device device = {});
  /// A copy of `values`, in row-major order; as many as the shape has elements.
  template <class T>
  static Tensor from(const std::vector<T>& values, Shape shape, Device device = {});

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  int64_t dim(int axis) const { return shape_[axis]; }
  int64_t numel() const { return shape_.numel(); }
  int64_t bytes() const { return numel() * size_of(dtype_); }
  Dtype dtype() const { return dtype_; }
  Device device() const { return device_; }

  /// First element, typed; throws when T is not the dtype. On a CUDA device an address for kernels alone.
  template <class T>
  T* data() {
    check_access(dtype_of<T>());
    return reinterpret_cast<T*>(raw());
  }
  template <class T>
  const T* data() const {
    check_access(dtype_of<T>());
    return reinterpret_cast<const T*>(raw());
  }
  std::byte* raw() { return storage_->data() + offset_; }
  const std::byte* raw() const { return storage_->data() + offset_; }

  /// The only element of a one-element tensor, as double.
  double item() const;
  /// All elements, converted to double (tests, reports).
  std::vector<double> to_vector() const;

  /// The same elements under another shape with as many elements; one extent may be -1. Free.
  Tensor reshape(std::vector<int64_t> extents) const;
  Tensor reshape(Shape shape) const;
  /// Rows begin <= row < end of the first axis, sharing storage. The only other view.
  Tensor rows(int64_t begin, int64_t end) const;
  /// A copy with its own storage, on the same device.
  Tensor clone() const;
  /// On that device: a copy, or this very tensor where it is there already. From a device to the cpu it waits for the device.
  Tensor to(Device device) const;
  /// True when no other Tensor shares the storage, so that it may be written in place.
  bool unique() const { return storage_.use_count() == 1; }
  bool shares_storage(const Tensor& other) const { return storage_ == other.storage_; }

 private:
  void check_access(Dtype wanted) const;

  std::shared_ptr<Storage> storage_;
  int64_t offset_ = 0;  // bytes
  Shape shape_;
  Dtype dtype_ = Dtype::f32;
  Device device_;
};

template <class T>
Tensor Tensor::from(const std::vector<T>& values, Shape shape, Device device) {
  CHECK(static_cast<int64_t>(values.size()) == shape.numel(), "{} values for shape {}", values.size(), shape.to_string());
  Tensor result(shape, dtype_of<T>());
  if (!values.empty()) std::memcpy(result.raw(), values.data(), values.size() * sizeof(T));
  return result.to(device);
}

}  // namespace tensor
