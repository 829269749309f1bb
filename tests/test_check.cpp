#include "tensor/check.h"

#include <cstring>

#include "tests/kernel_testing.h"

namespace tensor {
namespace {

TEST(Check, PassesOrThrowsWithMessageFileAndLine) {
  EXPECT_NO_THROW(CHECK(1 + 1 == 2, "never seen"));
  const int line = __LINE__ + 2;
  try {
    CHECK(1 + 1 == 3, "expected {}, got {}", 3, 2);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "expected 3, got 2");
    EXPECT_NE(std::strstr(error.file(), "test_check.cpp"), nullptr);
    EXPECT_EQ(error.line(), line);
  }
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

TEST(Check, ShapesAndTensorsAreNamedAsTheCallerWroteThem) {
  const Tensor logits({2, 3}), weights({2, 3}, Dtype::f64), other({3, 2});
  CHECK_SHAPE(logits, {2, 3});
  expect_error([&] { CHECK_SHAPE(logits, {2, 4}); }, "logits has shape (2, 3), expected (2, 4)");
  CHECK_SAME(logits, logits);
  expect_error([&] { CHECK_SAME(logits, other); }, "logits has shape (2, 3), other has (3, 2)");
  expect_error([&] { CHECK_SAME(logits, weights); }, "logits is f32, weights is f64; cast one of them");
}

TEST(Check, ErrorsAboutInputHaveNoPlace) {
  const Error error("classes.txt: 3 names, expected 10");
  EXPECT_STREQ(error.what(), "classes.txt: 3 names, expected 10");
  EXPECT_STREQ(error.file(), "");
  EXPECT_EQ(error.line(), 0);
}

}  // namespace
}  // namespace tensor
