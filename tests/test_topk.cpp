#include "tensor/ops/topk.h"

#include "tests/kernel_testing.h"

namespace tensor::ops {
namespace {

KERNEL_TEST(Topk, AgreesWithSorting) {
  for (const Order order : {Order::largest, Order::smallest})
    for (const Shape& shape : {Shape{1}, Shape{1, 1}, Shape{3, 7}, Shape{2, 3, 31}, Shape{3, 211}, Shape{1, 1031}, Shape{0, 5}})
      for (int64_t k : {int64_t{1}, int64_t{2}, int64_t{10}, int64_t{250}}) {
        k = std::min(k, shape[-1]);
        const Tensor x = random_tensor(shape, dtype, 1);
        const TopkResult got = topk(x, k, order), want = naive::topk(on_cpu(x), k, order);
        expect_same_bits(got.values, want.values);
        expect_same_bits(got.indices, want.indices);
        EXPECT_EQ(got.values.dim(-1), k);
      }
}

KERNEL_TEST(Topk, TiesByIndexNanLast) {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  const Tensor x = tensor_of({nan, 2, 3, 2, -infinity, 3, nan, infinity}, {8}, dtype);
  const TopkResult largest = topk(x, 8, Order::largest), smallest = topk(x, 8, Order::smallest);
  EXPECT_EQ(largest.indices.to_vector(), (std::vector<double>{7, 2, 5, 1, 3, 4, 0, 6}));
  EXPECT_EQ(smallest.indices.to_vector(), (std::vector<double>{4, 1, 3, 2, 5, 7, 0, 6}));
  EXPECT_EQ(topk(x, 3, Order::largest).values.to_vector(), (std::vector<double>{infinity, 3, 3}));
  EXPECT_TRUE(std::isnan(largest.values.to_vector()[6]));
  expect_same_bits(largest.indices, naive::topk(on_cpu(x), 8, Order::largest).indices);
}

KERNEL_TEST(Topk, ManyEqualValues) {
  std::vector<double> values(397);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i * 7919 % 5);
  const Tensor x = tensor_of(values, {397}, dtype);
  for (const Order order : {Order::largest, Order::smallest})
    for (const int64_t k : {1, 3, 250, 397}) expect_same_bits(topk(x, k, order).indices, naive::topk(on_cpu(x), k, order).indices);
}

KERNEL_TEST(Topk, SameBitsAndErrors) {
  const Tensor x = random_tensor({301, 400}, dtype, 1);
  expect_same_bits_for_any_threads([&] {
    const TopkResult result = topk(x, 11, Order::smallest);
    return std::vector<Tensor>{result.values, result.indices};
  });
  expect_error([&] { topk(x, 0, Order::largest); }, "k = 0; expected 1 to 400");
  expect_error([&] { topk(x, 401, Order::largest); }, "k = 401");
}

}  // namespace
}  // namespace tensor::ops
