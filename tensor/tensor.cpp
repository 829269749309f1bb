#include "tensor/tensor.h"

#include <cstring>

#include "tensor/cuda/cuda.h"

namespace tensor {
namespace {

template <class T>
double to_double(T value) {
  return static_cast<double>(value);
}
double to_double(bfloat16 value) { return static_cast<float>(value); }

}  // namespace

Tensor::Tensor(Shape shape, Dtype dtype, Device device) : shape_(shape), dtype_(dtype), device_(device) {
  int64_t bytes = 0;
  CHECK(!__builtin_mul_overflow(shape.numel(), size_of(dtype), &bytes), "shape {} is too large", shape.to_string());
  storage_ = std::make_shared<Storage>(bytes, device);
}

Tensor Tensor::zeros(Shape shape, Dtype dtype, Device device) {
  Tensor result(shape, dtype, device);
  if (device.is_cpu())
    std::memset(result.raw(), 0, static_cast<size_t>(result.bytes()));
  else
    cuda::fill_zero(result.raw(), result.bytes(), device.index);
  return result;
}

Tensor Tensor::full(Shape shape, double value, Dtype dtype, Device device) {
  Tensor result(shape, dtype);
  dispatch_any(dtype, [&](auto zero) {
    using T = decltype(zero);
    T typed;
    if constexpr (std::is_same_v<T, bfloat16>)
      typed = bfloat16(static_cast<float>(value));
    else
      typed = static_cast<T>(value);
    T* out = result.data<T>();
    for (int64_t i = 0, n = result.numel(); i < n; ++i) out[i] = typed;
  });
  return result.to(device);
}

double Tensor::item() const {
  CHECK(defined() && numel() == 1, "item(): shape {}; expected one element", shape_.to_string());
  return to_vector()[0];
}

std::vector<double> Tensor::to_vector() const {
  std::vector<double> values(static_cast<size_t>(numel()));
  const Tensor here = to({});
  dispatch_any(dtype_, [&](auto zero) {
    using T = decltype(zero);
    const T* in = here.data<T>();
    for (size_t i = 0; i < values.size(); ++i) values[i] = to_double(in[i]);
  });
  return values;
}

Tensor Tensor::reshape(Shape shape) const {
  CHECK(shape.numel() == numel(), "reshape of {} to {}: the number of elements differs", shape_.to_string(), shape.to_string());
  Tensor view = *this;
  view.shape_ = shape;
  return view;
}

Tensor Tensor::reshape(std::vector<int64_t> extents) const {
  int64_t known = 1, free_axis = -1;
  for (size_t axis = 0; axis < extents.size(); ++axis) {
    if (extents[axis] != -1) {
      known *= extents[axis];
    } else {
      CHECK(free_axis < 0, "reshape: only one extent may be -1");
      free_axis = static_cast<int64_t>(axis);
    }
  }
  if (free_axis >= 0) {
    CHECK(known > 0 && numel() % known == 0, "reshape of {}: {} elements are not a multiple of {}", shape_.to_string(), numel(), known);
    extents[free_axis] = numel() / known;
  }
  Shape shape;
  for (const int64_t extent : extents) shape.push_back(extent);
  return reshape(shape);
}

Tensor Tensor::rows(int64_t begin, int64_t end) const {
  CHECK(rank() >= 1 && begin >= 0 && begin <= end && end <= dim(0), "rows {} to {} of shape {}", begin, end, shape_.to_string());
  Shape shape{end - begin};
  for (int axis = 1; axis < rank(); ++axis) shape.push_back(dim(axis));
  Tensor view = *this;
  view.offset_ += begin * (dim(0) > 0 ? bytes() / dim(0) : 0);
  view.shape_ = shape;
  return view;
}

Tensor Tensor::clone() const {
  Tensor copy(shape_, dtype_, device_);
  if (device_.is_cpu())
    std::memcpy(copy.raw(), raw(), static_cast<size_t>(bytes()));
  else
    cuda::copy_on_device(copy.raw(), raw(), bytes(), device_.index);
  return copy;
}

Tensor Tensor::to(Device device) const {
  CHECK(defined(), "to({}) of an undefined tensor", device.to_string());
  if (device == device_) return *this;
  Tensor copy(shape_, dtype_, device);
  if (device_.is_cpu())
    cuda::copy_to_device(copy.raw(), raw(), bytes(), device.index);
  else if (device.is_cpu())
    cuda::copy_to_host(copy.raw(), raw(), bytes(), device_.index);
  else
    return to({}).to(device);
  return copy;
}

void Tensor::check_access(Dtype wanted) const {
  CHECK(defined(), "the tensor is undefined");
  CHECK(wanted == dtype_, "the tensor is {}, not {}", name(dtype_), name(wanted));
}

}  // namespace tensor
