#include "mode/detectors/knn.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/kernel_testing.h"

namespace {

using mode::knn;
using mode::KnnResult;
using tensor::Tensor;

Tensor random_rows(int64_t rows, int64_t features, uint64_t seed, bool normalized = false) {
  Tensor x({rows, features});
  float* data = x.data<float>();
  for (int64_t row = 0; row < rows; ++row) {
    double norm = 0;
    for (int64_t e = 0; e < features; ++e) {
      const auto pair =
          tensor::normal_pair(tensor::philox(seed, tensor::Stream::test, static_cast<uint64_t>(row), static_cast<uint32_t>(e)));
      data[row * features + e] = static_cast<float>(pair[0]);
      norm += pair[0] * pair[0];
    }
    for (int64_t e = 0; normalized && e < features; ++e) data[row * features + e] /= static_cast<float>(std::sqrt(norm));
  }
  return x;
}

// The same bits: both sum the same differences in double.
void expect_equal(const KnnResult& got, const KnnResult& expected) {
  ASSERT_EQ(got.rows.shape(), expected.rows.shape());
  EXPECT_EQ(got.rows.to_vector(), expected.rows.to_vector());
  EXPECT_EQ(got.distances.to_vector(), expected.distances.to_vector());
}

struct Knn : testing::Test {
  const tensor::RestoreSettings restore;
};

TEST_F(Knn, ByHand) {
  const Tensor bank = Tensor::from<float>({0, 0, 3, 4, 1, 0, 0, 2, 1, 0}, {5, 2}), queries = Tensor::from<float>({0, 0, 3, 0}, {2, 2});
  const KnnResult result = knn(queries, bank, 3);
  EXPECT_EQ(result.rows.to_vector(), (std::vector<double>{0, 2, 4, 2, 4, 0}));
  EXPECT_EQ(result.distances.to_vector(), (std::vector<double>{0, 1, 1, 4, 4, 9}));
}

TEST_F(Knn, AgainstTheNaiveLoop) {
  struct Case {
    int64_t queries, bank, features, k;
  };
  const std::vector<Case> cases = {{1, 1, 1, 1},     {1, 7, 1, 7},     {5, 13, 7, 3},      {6, 16, 8, 16},     {7, 17, 9, 17},
                                   {12, 32, 64, 5},  {13, 33, 64, 33}, {25, 101, 512, 10}, {193, 257, 31, 50}, {3, 1500, 2, 1024},
                                   {2, 8200, 5, 11}, {385, 97, 3, 1},  {31, 61, 1031, 4}};
  for (const tensor::Isa isa : tensor::available_isas())
    for (const Case& c : cases) {
      SCOPED_TRACE(fmt::format("{}: Q {} B {} E {} K {}", tensor::name(isa), c.queries, c.bank, c.features, c.k));
      tensor::set_isa(isa);
      const Tensor queries = random_rows(c.queries, c.features, 1), bank = random_rows(c.bank, c.features, 2);
      expect_equal(knn(queries, bank, c.k), mode::naive::knn(queries, bank, c.k));
    }
}

TEST_F(Knn, NoQueries) {
  const KnnResult result = knn(Tensor({0, 4}), random_rows(9, 4, 1), 2);
  EXPECT_EQ(result.rows.shape(), (tensor::Shape{0, 2}));
}

// A whole lattice: almost every distance is a tie, and the rows must come in order.
TEST_F(Knn, TiesAreOrderedByRow) {
  const int64_t rows = 1000, features = 3;
  Tensor bank({rows, features});
  for (int64_t at = 0; at < rows * features; ++at) bank.data<float>()[at] = static_cast<float>((at * 7 / 3) % 3);
  for (const tensor::Isa isa : tensor::available_isas()) {
    tensor::set_isa(isa);
    expect_equal(knn(bank.rows(0, 50), bank, 40), mode::naive::knn(bank.rows(0, 50), bank, 40));
  }
}

TEST_F(Knn, DuplicatesAndItselfAreAtDistanceZero) {
  const Tensor once = random_rows(60, 33, 5, true);
  Tensor bank({240, 33});
  for (int64_t copy = 0; copy < 4; ++copy) std::copy_n(once.data<float>(), once.numel(), bank.data<float>() + copy * once.numel());
  const KnnResult result = knn(once, bank, 5);
  for (int64_t row = 0; row < 60; ++row) {
    for (int64_t copy = 0; copy < 4; ++copy) {
      EXPECT_EQ(result.distances.data<float>()[row * 5 + copy], 0.0f);
      EXPECT_EQ(result.rows.data<int64_t>()[row * 5 + copy], row + copy * 60);
    }
    EXPECT_GT(result.distances.data<float>()[row * 5 + 4], 0.0f);
  }
}

// All rows the same: every row ties with the threshold.
TEST_F(Knn, CollapsedBank) {
  for (const float value : {0.0f, 0.1f}) {
    const Tensor bank = Tensor::full({3001, 16}, value), queries = Tensor::full({7, 16}, value);
    const KnnResult result = knn(queries, bank, 10);
    for (int64_t at = 0; at < 70; ++at) {
      EXPECT_EQ(result.rows.data<int64_t>()[at], at % 10);
      EXPECT_EQ(result.distances.data<float>()[at], 0.0f);
    }
  }
}

// A tight cloud far from the origin: |q|^2 + |b|^2 - 2 q.b in f32 has no correct digit left, the differences have all.
TEST_F(Knn, CancellationDoesNotReorder) {
  Tensor bank = random_rows(700, 24, 9), queries = random_rows(20, 24, 10);
  for (Tensor* x : {&bank, &queries})
    for (int64_t at = 0; at < x->numel(); ++at) x->data<float>()[at] = 1000.0f + 1e-2f * x->data<float>()[at];
  for (const tensor::Isa isa : tensor::available_isas()) {
    tensor::set_isa(isa);
    expect_equal(knn(queries, bank, 12), mode::naive::knn(queries, bank, 12));
  }
}

TEST_F(Knn, TinyAndHugeNumbers) {
  for (const float scale : {1e-38f, 1e-30f, 1e-22f, 1e15f, 1e17f}) {
    SCOPED_TRACE(scale);
    Tensor bank = random_rows(300, 5, 3), queries = random_rows(9, 5, 4);
    for (Tensor* x : {&bank, &queries})
      for (int64_t at = 0; at < x->numel(); ++at) x->data<float>()[at] *= scale;
    expect_equal(knn(queries, bank, 7), mode::naive::knn(queries, bank, 7));
  }
}

TEST_F(Knn, VeryDifferentNorms) {
  Tensor bank = random_rows(500, 11, 6), queries = random_rows(30, 11, 7);
  for (int64_t at = 0; at < bank.numel(); ++at) bank.data<float>()[at] *= std::pow(10.0f, static_cast<float>(at / 11 % 9) - 4.0f);
  for (int64_t at = 0; at < queries.numel(); ++at) queries.data<float>()[at] *= std::pow(10.0f, static_cast<float>(at / 11 % 13) - 6.0f);
  expect_equal(knn(queries, bank, 9), mode::naive::knn(queries, bank, 9));
}

TEST_F(Knn, SameBitsForAnyNumberOfThreadsAndTwice) {
  const Tensor queries = random_rows(500, 20, 1, true), bank = random_rows(9000, 20, 2, true);
  tensor::set_num_threads(1);
  const KnnResult one = knn(queries, bank, 10);
  for (const int count : {2, 3}) {
    tensor::set_num_threads(count);
    expect_equal(knn(queries, bank, 10), one);
  }
}

TEST_F(Knn, MoreQueriesThanOneChunk) {
  const Tensor queries = random_rows(8200, 2, 1), bank = random_rows(40, 2, 2);
  expect_equal(knn(queries, bank, 3), mode::naive::knn(queries, bank, 3));
}

TEST_F(Knn, BadArguments) {
  const Tensor queries = random_rows(3, 4, 1), bank = random_rows(5, 4, 2);
  expect_error([&] { knn(queries, bank, 6); }, "K = 6, but the bank has only 5 rows");
  expect_error([&] { knn(queries, bank, 0); }, "K = 0");
  expect_error([&] { knn(queries, random_rows(2000, 4, 1), 1025); }, "K = 1025");
  expect_error([&] { knn(queries, random_rows(5, 3, 2), 1); }, "bank (B, E), got (3, 4) and (5, 3)");
  expect_error([&] { knn(queries, Tensor({0, 4}), 1); }, "only 0 rows");
  expect_error([&] { knn(queries.reshape(tensor::Shape{12}), bank, 1); }, "expected queries (Q, E)");
  expect_error([&] { knn(Tensor::zeros({3, 4}, tensor::Dtype::f64), bank, 1); }, "in f32, got f64 and f32");
  Tensor broken = bank.clone();
  broken.data<float>()[9] = std::numeric_limits<float>::quiet_NaN();
  expect_error([&] { knn(queries, broken, 1); }, "row 2 of the bank");
  broken.data<float>()[9] = std::numeric_limits<float>::infinity();
  expect_error([&] { knn(broken, bank, 1); }, "row 2 of the queries");
}

}  // namespace
