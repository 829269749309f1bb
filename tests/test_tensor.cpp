#include "tensor/tensor.h"

#include <thread>

#include "tests/kernel_testing.h"

namespace tensor {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool storage_is_cached = false;
#else
constexpr bool storage_is_cached = true;
#endif

TEST(Shape, ExtentsRankAndNumel) {
  const Shape scalar, empty{3, 0, 2}, shape{2, 3, 5};
  EXPECT_EQ(scalar.rank(), 0);
  EXPECT_EQ(scalar.numel(), 1);
  EXPECT_EQ(scalar.to_string(), "()");
  EXPECT_EQ(empty.numel(), 0);
  EXPECT_EQ(shape.rank(), 3);
  EXPECT_EQ(shape.numel(), 30);
  EXPECT_EQ(shape[0], 2);
  EXPECT_EQ(shape[-1], 5);
  EXPECT_EQ(shape[-3], 2);
  EXPECT_EQ(shape.to_string(), "(2, 3, 5)");
  EXPECT_EQ(shape, (Shape{2, 3, 5}));
  EXPECT_NE(shape, (Shape{2, 3}));
  EXPECT_NE((Shape{2, 3}), (Shape{2, 3, 0}));
  EXPECT_NE(Shape{}, Shape{0});
}

TEST(Shape, Errors) {
  const Shape shape{2, 3};
  expect_error([&] { shape[2]; }, "axis 2 of shape (2, 3) does not exist");
  expect_error([&] { shape[-3]; }, "axis -3");
  expect_error([] { Shape{1, 1, 1, 1, 1, 1, 1}; }, "at most 6 axes");
  expect_error([] { Shape{2, -1}; }, "extent -1 is negative");
  expect_error([] { (Shape{int64_t{1} << 40, int64_t{1} << 40}.numel()); }, "too many elements");
}

TEST(Tensor, MakesAndReadsEveryDtype) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64, Dtype::bf16, Dtype::i32, Dtype::i64, Dtype::u8}) {
    SCOPED_TRACE(name(dtype));
    const Tensor threes = Tensor::full({2, 3}, 3, dtype);
    EXPECT_EQ(threes.dtype(), dtype);
    EXPECT_EQ(threes.bytes(), 6 * size_of(dtype));
    EXPECT_EQ(threes.to_vector(), std::vector<double>(6, 3));
    EXPECT_EQ(Tensor::zeros({4}, dtype).to_vector(), std::vector<double>(4, 0));
    EXPECT_EQ(Tensor::full({}, 7, dtype).item(), 7);
    EXPECT_EQ(Tensor({0, 5}, dtype).to_vector().size(), 0u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(Tensor({3}, dtype).raw()) % 64, 0u);
  }
  const Tensor x = Tensor::from<int64_t>({1, -2, 3}, {3});
  EXPECT_EQ(x.dtype(), Dtype::i64);
  EXPECT_EQ(x.data<int64_t>()[1], -2);
  EXPECT_EQ(Tensor::full({1}, 0.1).item(), static_cast<double>(0.1f));
  EXPECT_EQ(Tensor::full({1}, 1 + 0x3p-8, Dtype::bf16).item(), 1 + 0x4p-8);  // ties to even
  EXPECT_EQ(x.device().to_string(), "cpu");
}

TEST(Tensor, Errors) {
  const Tensor undefined, x = Tensor::zeros({2, 3});
  EXPECT_FALSE(undefined.defined());
  EXPECT_TRUE(x.defined());
  expect_error([&] { undefined.data<float>(); }, "the tensor is undefined");
  expect_error([&] { x.data<double>(); }, "the tensor is f32, not f64");
  expect_error([&] { x.item(); }, "item(): shape (2, 3); expected one element");
  expect_error([] { Tensor::from<float>({1, 2, 3}, {2}); }, "3 values for shape (2)");
  expect_error([] { Tensor({int64_t{1} << 61}); }, "too large");
  // AddressSanitizer ends the process instead of returning null.
  if (storage_is_cached) expect_error([] { Tensor({int64_t{1} << 55}); }, "out of memory");
}

TEST(Tensor, CopiesShareAndClonesDoNot) {
  Tensor x = Tensor::from<float>({1, 2, 3, 4}, {2, 2});
  EXPECT_TRUE(x.unique());
  const Tensor copy = x, clone = x.clone();
  EXPECT_FALSE(x.unique());
  EXPECT_TRUE(copy.shares_storage(x));
  EXPECT_FALSE(clone.shares_storage(x));
  x.data<float>()[0] = 9;
  EXPECT_EQ(copy.to_vector()[0], 9);
  EXPECT_EQ(clone.to_vector()[0], 1);
}

TEST(Tensor, Reshape) {
  const Tensor x = Tensor::from<float>({0, 1, 2, 3, 4, 5}, {2, 3});
  const Tensor y = x.reshape(std::vector<int64_t>{3, -1});
  EXPECT_EQ(y.shape(), (Shape{3, 2}));
  EXPECT_TRUE(y.shares_storage(x));
  EXPECT_EQ(y.to_vector(), x.to_vector());
  EXPECT_EQ(x.reshape(Shape{1, 6}).shape(), (Shape{1, 6}));
  EXPECT_EQ(Tensor::full({1, 1}, 4).reshape(Shape{}).item(), 4);
  expect_error([&] { x.reshape(Shape{4}); }, "the number of elements differs");
  expect_error([&] { x.reshape(std::vector<int64_t>{-1, -1}); }, "only one extent may be -1");
  expect_error([&] { x.reshape(std::vector<int64_t>{4, -1}); }, "not a multiple of 4");
  expect_error([&] { Tensor({0}).reshape(std::vector<int64_t>{0, -1}); }, "not a multiple of 0");
}

TEST(Tensor, RowsShareStorageAtTheirOffset) {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) {
    const Tensor x = tensor_of({0, 1, 2, 3, 4, 5, 6, 7}, {4, 2}, dtype);
    Tensor middle = x.rows(1, 3);
    EXPECT_EQ(middle.shape(), (Shape{2, 2}));
    EXPECT_EQ(middle.to_vector(), (std::vector<double>{2, 3, 4, 5}));
    EXPECT_EQ(middle.rows(1, 2).to_vector(), (std::vector<double>{4, 5}));
    EXPECT_EQ(middle.clone().to_vector(), middle.to_vector());
    EXPECT_EQ(middle.reshape(Shape{4}).to_vector(), middle.to_vector());
    EXPECT_EQ(x.rows(4, 4).numel(), 0);
    EXPECT_EQ(Tensor({0, 3}).rows(0, 0).shape(), (Shape{0, 3}));
    std::memset(middle.raw(), 0, static_cast<size_t>(middle.bytes()));
    EXPECT_EQ(x.to_vector(), (std::vector<double>{0, 1, 0, 0, 0, 0, 6, 7}));
    expect_error([&] { x.rows(2, 5); }, "rows 2 to 5 of shape (4, 2)");
    expect_error([&] { x.rows(3, 2); }, "rows 3 to 2");
    expect_error([] { Tensor::zeros({}).rows(0, 0); }, "of shape ()");
  }
}

TEST(Storage, CountsWhatLivesAndKeepsWhatIsFreed) {
  release_cached_storage();
  const StorageStatistics before = storage_statistics();
  EXPECT_EQ(before.cached_bytes, 0);
  reset_peak_bytes();
  const std::byte* address;
  {
    const Tensor x({1000});
    address = x.raw();
    const StorageStatistics during = storage_statistics();
    EXPECT_GE(during.live_bytes, before.live_bytes + 4000);
    EXPECT_LE(during.live_bytes, before.live_bytes + 4064);
    EXPECT_EQ(during.peak_bytes, during.live_bytes);
  }
  EXPECT_EQ(storage_statistics().live_bytes, before.live_bytes);
  EXPECT_GE(storage_statistics().peak_bytes, before.live_bytes + 4000);
  reset_peak_bytes();
  EXPECT_EQ(storage_statistics().peak_bytes, before.live_bytes);
  if (storage_is_cached) {
    EXPECT_GE(storage_statistics().cached_bytes, 4000);
    EXPECT_EQ(Tensor({1000}).raw(), address);  // the same size finds its block
    EXPECT_EQ(Tensor({990}).raw(), address);   // one that is a little smaller too
    EXPECT_NE(Tensor({500}).raw(), address);   // half a block would be wasted
    EXPECT_NE(Tensor({1100}).raw(), address);  // too large
  }
  release_cached_storage();
  EXPECT_EQ(storage_statistics().cached_bytes, 0);
}

TEST(Storage, ManyThreadsAllocateAtOnce) {
  const int64_t before = storage_statistics().live_bytes;
  std::vector<std::thread> threads;
  for (int no = 0; no < 4; ++no)
    threads.emplace_back([no] {
      for (int64_t i = 0; i < 2000; ++i) {
        const Tensor x = Tensor::full({1 + i % 97}, no, Dtype::i32);
        const Tensor y = x.rows(0, 1);
        EXPECT_EQ(y.item(), no);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(storage_statistics().live_bytes, before);
}

TEST(Bfloat16, RoundsToNearestEvenAndKeepsNan) {
  const auto round = [](float value) { return static_cast<float>(bfloat16(value)); };
  EXPECT_EQ(sizeof(bfloat16), 2u);
  EXPECT_EQ(round(1.0f + 0x1p-8f), 1.0f);
  EXPECT_EQ(round(1.0f + 0x3p-8f), 1.0f + 0x4p-8f);
  EXPECT_EQ(round(-1.0f - 0x1.1p-8f), -1.0f - 0x1p-7f);
  EXPECT_EQ(round(3.4e38f), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(round(std::nanf(""))));
  const uint32_t word = 0x7f800001u;  // a NaN whose upper half alone would be infinity
  float value;
  std::memcpy(&value, &word, 4);
  EXPECT_TRUE(std::isnan(round(value)));
}

TEST(Dtype, NamesSizesAndDispatch) {
  EXPECT_EQ(name(Dtype::bf16), "bf16");
  EXPECT_EQ(size_of(Dtype::u8), 1);
  EXPECT_EQ(dispatch_floating(Dtype::f32, [](auto zero) { return sizeof(zero); }), 4u);
  EXPECT_EQ(dispatch_floating(Dtype::f64, [](auto zero) { return sizeof(zero); }), 8u);
  expect_error([] { dispatch_floating(Dtype::i64, [](auto) {}); }, "expected f32 or f64, got i64; cast first");
}

}  // namespace
}  // namespace tensor
