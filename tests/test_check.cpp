#include "tensor/check.h"

#include <cstdlib>

#include "tests/kernel_testing.h"

namespace tensor {
namespace {

TEST(Check, PassesOrThrowsWithMessageFileAndLine) {
  EXPECT_NO_THROW(CHECK(1 + 1 == 2, "never seen"));
  try {
    CHECK(1 + 1 == 3, "expected {}, got {}", 3, 2);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "expected 3, got 2");
  }
}

TEST(Check, NamesItsPlaceWhenAsked) {
  setenv("MODE_TRACE", "1", 1);
  const int line = __LINE__ + 1;
  const std::string message = message_of([] { CHECK(1 + 1 == 3, "expected {}, got {}", 3, 2); });
  const std::string of_shape = message_of([] { check_shape("relu", {"x", Tensor({2})}, {3}); });
  const std::string of_input = Error("classes.txt: 3 names, expected 10").what();
  unsetenv("MODE_TRACE");
  EXPECT_EQ(message.rfind("expected 3, got 2 [", 0), 0u) << message;
  EXPECT_NE(message.find(fmt::format("test_check.cpp:{}]", line)), std::string::npos) << message;
  EXPECT_NE(of_shape.find(fmt::format("test_check.cpp:{}]", line + 1)), std::string::npos) << of_shape;
  EXPECT_EQ(of_input, "classes.txt: 3 names, expected 10") << "an error about the user's input has no place";
}

TEST(Check, EvaluatesItsConditionOnceAndItsMessageOnlyOnFailure) {
  int conditions = 0, messages = 0;
  const auto message = [&] { return ++messages; };
  CHECK(++conditions == 1, "{}", message());
  EXPECT_EQ(conditions, 1);
  EXPECT_EQ(messages, 0);
  EXPECT_THROW(CHECK(++conditions == 1, "{}", message()), Error);
  EXPECT_EQ(conditions, 2);
  EXPECT_EQ(messages, 1);
}

TEST(Check, IsOneStatement) {
  // Without a do-while the else would belong to the macro's own if.
  bool reached = false;
  if (false)
    CHECK(false, "not reached");
  else
    reached = true;
  EXPECT_TRUE(reached);
}

TEST(Check, NamesTheOpAndBothTensors) {
  const Tensor x({2, 3}), y({2, 3}, Dtype::f64), z({3, 2});
  check_shape("relu", {"x", x}, {2, 3});
  expect_error([&] { check_shape("relu", {"x", x}, {2, 4}); }, "relu: x is f32 (2, 3) on cpu; expected the shape (2, 4)");
  check_same("add", {"a", x}, {"b", x});
  expect_error(
      [&] {
        check_same("add", {"a", x}, {"b", z});
      },
      "add: a is f32 (2, 3) on cpu, b is f32 (3, 2) on cpu; the shapes must be equal, reshape one of them");
  expect_error(
      [&] {
        check_same("add", {"a", x}, {"b", y});
      },
      "add: a is f32 (2, 3) on cpu, b is f64 (2, 3) on cpu; the dtypes must be equal, cast one of them");
  check_same_kind("matmul", {"a", x}, {"b", z});
  expect_error([&] { check_same_kind("matmul", {"a", y}, {"b", z}); }, "a is f64 (2, 3) on cpu, b is f32 (3, 2) on cpu");
  check_rank("linear", {"x", x}, 2, "(rows, I)");
  expect_error([&] { check_rank("conv2d", {"x", x}, 4, "(N,H,W,C)"); }, "conv2d: x is f32 (2, 3) on cpu; expected (N,H,W,C)");
  check_floating("relu", {"x", y});
  expect_error([] { check_floating("relu", {"x", Tensor({2}, Dtype::i64)}); }, "relu: x is i64 (2) on cpu; expected f32 or f64, cast it");
}

}  // namespace
}  // namespace tensor
