// The engine: shapes of graphs, who keeps what, and every error.

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>

#include "autograd/ops.h"
#include "autograd/variable.h"
#include "tests/errors.h"

namespace {

using autograd::Gradients;
using autograd::Needs;
using autograd::NoGrad;
using autograd::Variable;
using tensor::Dtype;
using tensor::Shape;
using tensor::Tensor;

Variable leaf(const std::vector<double>& values, bool requires_grad = true) {
  return Variable(Tensor::from(values, Shape{static_cast<int64_t>(values.size())}), requires_grad);
}

std::vector<double> grad_of(const Variable& x) { return x.grad().to_vector(); }

TEST(Autograd, Diamond) {
  Variable x = leaf({2, -3});
  const Variable left = autograd::scale(x, 3), right = x * x;
  autograd::sum(left * right).backward();  // 3 x^3
  EXPECT_EQ(grad_of(x), (std::vector<double>{36, 81}));
}

TEST(Autograd, NodeUsedThreeTimes) {
  Variable x = leaf({2});
  const Variable y = autograd::scale(x, 5);
  (y * y * y).backward();  // 125 x^3
  EXPECT_EQ(grad_of(x), (std::vector<double>{1500}));
}

// The long path is recorded after the short one and before it: a sweep that does not wait for every gradient fails in one of the two orders.
TEST(Autograd, WaysOfDifferentLength) {
  for (const bool long_way_first : {true, false}) {
    Variable x = leaf({3});
    const Variable y = x * x;
    const auto go = [&] {
      Variable z = y;
      for (int i = 0; i < 5; ++i) z = autograd::scale(z, 2);
      return z;
    };
    Variable a, b;
    if (long_way_first)
      a = go(), b = autograd::scale(y, 7);
    else
      b = autograd::scale(y, 7), a = go();
    (a + b).backward();
    EXPECT_EQ(grad_of(x), (std::vector<double>{6 * (32 + 7)}));
  }
}

TEST(Autograd, SameVariableTwiceInAnOp) {
  Variable x = leaf({2, 5});
  autograd::sum(x + x).backward();
  EXPECT_EQ(grad_of(x), (std::vector<double>{2, 2}));
  x.zero_grad();
  autograd::sum(x - x).backward();
  EXPECT_EQ(grad_of(x), (std::vector<double>{0, 0}));
}

// add() hands one tensor to both inputs. When more arrives at a, b and the caller's dy must stay what they were.
TEST(Autograd, SharedGradientIsNotWrittenInPlace) {
  Variable a = leaf({1, 2}), b = leaf({3, 4});
  const Tensor dy = Tensor::from<double>({10, 20}, {2});
  const Variable y = a + b;
  y.backward(dy);
  EXPECT_TRUE(a.grad().shares_storage(b.grad()));
  autograd::scale(a, 5).backward(Tensor::full({2}, 1, Dtype::f64));
  EXPECT_EQ(grad_of(a), (std::vector<double>{15, 25}));
  EXPECT_EQ(grad_of(b), (std::vector<double>{10, 20}));
  EXPECT_EQ(dy.to_vector(), (std::vector<double>{10, 20}));
}

TEST(Autograd, SharedGradientInsideAGraph) {
  Variable x = leaf({1, 2});
  const Variable a = autograd::scale(x, 2), b = autograd::scale(x, 3);
  const Variable y = a + b;                              // dy goes to a and to b
  autograd::sum(y + autograd::scale(a, 10)).backward();  // and a gets more
  EXPECT_EQ(grad_of(x), (std::vector<double>{1 * 2 + 1 * 3 + 10 * 2, 25}));
}

TEST(Autograd, AccumulatesInPlaceWhereNoOneElseLooks) {
  Tensor acc = Tensor::full({3}, 1, Dtype::f64);
  const std::byte* before = acc.raw();
  autograd::accumulate(acc, Tensor::full({3}, 2, Dtype::f64), "test");
  EXPECT_EQ(acc.raw(), before);
  EXPECT_EQ(acc.to_vector(), (std::vector<double>{3, 3, 3}));

  const Tensor witness = acc.reshape(Shape{3, 1});
  autograd::accumulate(acc, Tensor::full({3}, 2, Dtype::f64), "test");
  EXPECT_NE(acc.raw(), before);
  EXPECT_EQ(acc.to_vector(), (std::vector<double>{5, 5, 5}));
  EXPECT_EQ(witness.to_vector(), (std::vector<double>{3, 3, 3}));
}

TEST(Autograd, AccumulateNamesWhatIsWrong) {
  Tensor acc = Tensor::zeros({3}, Dtype::f64);
  expect_error(
      [&] {
        autograd::accumulate(acc, Tensor::zeros({1, 3}, Dtype::f64), "conv1");
      },
      "conv1: a gradient of shape (1, 3) for a value of shape (3)");
  expect_error([&] { autograd::accumulate(acc, Tensor::zeros({3}, Dtype::f32), "conv1"); }, "conv1: a gradient of dtype f32");
  expect_error([&] { autograd::accumulate(acc, Tensor(), "conv1"); }, "conv1: accumulate() got an undefined gradient");
}

TEST(Autograd, GradientsAddOverBackwardPasses) {
  Variable x = leaf({2});
  (x * x).backward();
  (x * x).backward();
  EXPECT_EQ(grad_of(x), (std::vector<double>{8}));
  x.zero_grad();
  EXPECT_FALSE(x.grad().defined());
  (x * x).backward();
  EXPECT_EQ(grad_of(x), (std::vector<double>{4}));
}

TEST(Autograd, CopiesAreTheSameVariable) {
  Variable x = leaf({2});
  Variable copy = x;
  (x * copy).backward();
  EXPECT_EQ(grad_of(copy), (std::vector<double>{4}));
  copy.mutable_value().data<double>()[0] = 7;
  EXPECT_EQ(x.value().item(), 7);
  copy.zero_grad();
  EXPECT_FALSE(x.grad().defined());
}

TEST(Autograd, UnusedInputHasNoGradient) {
  Variable x = leaf({2}), unused = leaf({3}), constant = leaf({4}, false);
  (x * constant).backward();
  EXPECT_EQ(grad_of(x), (std::vector<double>{4}));
  EXPECT_FALSE(unused.grad().defined());
  EXPECT_FALSE(constant.grad().defined());
}

TEST(Autograd, NeedsTellWhatIsWanted) {
  Variable x = leaf({2}), constant = leaf({3}, false);
  std::vector<bool> seen;
  const Variable y = autograd::record("spy", Tensor::full({1}, 1, Dtype::f64), {constant, x, Variable()},
                                      [&](const Tensor& dy, const Needs& needs_input_grad) -> Gradients {
                                        seen = {needs_input_grad[0], needs_input_grad[1], needs_input_grad[2]};
                                        return {Tensor(), dy, Tensor()};
                                      });
  y.backward();
  EXPECT_EQ(seen, (std::vector<bool>{false, true, false}));
  EXPECT_EQ(grad_of(x), (std::vector<double>{1}));
}

TEST(Autograd, UndefinedOptionalInput) {
  Variable x(Tensor::from<double>({1, 2}, {1, 2}), true), w(Tensor::from<double>({3, 4}, {1, 2}), true);
  autograd::linear(x, w, Variable()).backward();
  EXPECT_EQ(grad_of(x), (std::vector<double>{3, 4}));
  EXPECT_EQ(grad_of(w), (std::vector<double>{1, 2}));
}

TEST(Autograd, SecondBackwardIsAnError) {
  Variable x = leaf({2});
  const Variable middle = x * x, y = autograd::scale(middle, 3), other = autograd::scale(middle, 4);
  y.backward();
  expect_error([&] { y.backward(); }, "the graph of 'scale' was freed");
  expect_error([&] { other.backward(); }, "the graph of 'multiply' was freed");  // what they share is gone
  EXPECT_EQ(grad_of(x), (std::vector<double>{12})) << "a refused pass must change nothing";
}

TEST(Autograd, NoGrad) {
  Variable x = leaf({2});
  {
    const NoGrad no_grad;
    EXPECT_FALSE(autograd::grad_enabled());
    { const NoGrad nested; }
    EXPECT_FALSE(autograd::grad_enabled());
    const Variable y = x * x;
    EXPECT_FALSE(y.requires_grad());
    EXPECT_STREQ(y.op(), "leaf");
    expect_error([&] { y.backward(); }, "needs no gradient");
  }
  EXPECT_TRUE(autograd::grad_enabled());
  EXPECT_TRUE((x * x).requires_grad());
  EXPECT_STREQ((x * x).op(), "multiply");
}

TEST(Autograd, ErrorsOfBackward) {
  Variable x = leaf({2, 3});
  expect_error([&] { (x * x).backward(); }, "backward() starts from a scalar, this is (2)");
  expect_error([&] { (x * x).backward(Tensor::zeros({3}, Dtype::f64)); }, "a gradient of shape (3) for a value of shape (2)");
  expect_error([&] { (x * x).backward(Tensor::zeros({2}, Dtype::f32)); }, "a gradient of dtype f32");
  expect_error([&] { (x * x).backward(Tensor()); }, "undefined");
  expect_error([&] { leaf({1}, false).backward(); }, "needs no gradient");
  expect_error([&] { Variable().backward(); }, "undefined variable");
  expect_error([&] { Variable().value(); }, "undefined variable");
  expect_error([&] { (x * x).mutable_value(); }, "only leaves are written in place");
  expect_error([&] { (x * x).grad(); }, "only leaves keep their gradient");
  expect_error([&] { Variable{Tensor()}; }, "needs a tensor");
  expect_error([&] { Variable(Tensor::zeros({1}, Dtype::i64), true); }, "only floating types have gradients, the tensor is i64");
}

TEST(Autograd, ErrorsOfClosuresNameTheOp) {
  Variable x = leaf({2}), w = leaf({3});
  const auto op = [&](Gradients gradients) {
    return autograd::record("broken", Tensor::full({1}, 1, Dtype::f64), {x, w},
                            [gradients](const Tensor&, const Needs&) { return gradients; });
  };
  const Tensor good = Tensor::full({1}, 1, Dtype::f64);
  expect_error([&] { op({good}).backward(); }, "broken: its backward returned 1 gradients for 2 inputs");
  expect_error([&] { op({good, Tensor()}).backward(); }, "broken: its backward returned no gradient for input 1");
  expect_error([&] { op({good, Tensor::zeros({2}, Dtype::f64)}).backward(); }, "broken: a gradient of shape (2)");
  expect_error([&] { op({Tensor::zeros({1}, Dtype::f32), good}).backward(); }, "broken: a gradient of dtype f32");
  expect_error([&] { autograd::record("broken", good, {x}, nullptr); }, "broken: record() needs a backward function");
}

TEST(Autograd, AFailedSweepLeavesNothingBehind) {
  Variable x = leaf({2});
  const Variable shared = autograd::scale(x, 3);
  const Variable bad = autograd::record("bad", shared.value(), {shared}, [](const Tensor&, const Needs&) -> Gradients { return {}; });
  EXPECT_THROW((shared * bad).backward(), tensor::Error);  // by then a gradient has arrived at `shared`
  EXPECT_FALSE(x.grad().defined());
  expect_error([&] { autograd::scale(shared, 2).backward(); }, "freed");
  autograd::scale(x, 2).backward();
  EXPECT_EQ(grad_of(x), (std::vector<double>{2}));
}

TEST(Autograd, DeepGraph) {
  constexpr int depth = 100'000;
  Variable x = leaf({1});
  {
    Variable y = x;
    for (int i = 0; i < depth; ++i) y = autograd::add_scalar(y, 1);
    EXPECT_EQ(y.value().item(), depth + 1);
    y.backward();
    EXPECT_EQ(grad_of(x), (std::vector<double>{1}));
  }
  Variable never_swept = x;
  for (int i = 0; i < depth; ++i) never_swept = autograd::add_scalar(never_swept, 1);
  never_swept = Variable();  // destroys the whole chain without recursion
}

TEST(Autograd, DeepDiamondsAreSweptOnce) {
  Variable x = leaf({1});
  Variable y = x;
  for (int i = 0; i < 1000; ++i) y = autograd::scale(y + y, 0.5);  // 2^1000 ways: each node must be visited once
  y.backward();
  EXPECT_EQ(grad_of(x), (std::vector<double>{1}));
}

// Memory: only what a closure captured outlives its variable, and the sweep gives it back.
TEST(Autograd, KeepsOnlyWhatIsCaptured) {
  const int64_t n = 1 << 16, bytes = n * 8;
  const int64_t start = tensor::storage_statistics().live_bytes;
  const auto held = [&] { return (tensor::storage_statistics().live_bytes - start) / bytes; };
  Variable x(Tensor::zeros({n}, Dtype::f64), true);
  EXPECT_EQ(held(), 1);
  Variable y = x;
  for (int i = 0; i < 10; ++i) y = autograd::add_scalar(y, 1);
  EXPECT_EQ(held(), 2) << "add_scalar keeps nothing: x and y alone";
  for (int i = 0; i < 10; ++i) y = autograd::exp(y);
  EXPECT_EQ(held(), 11) << "exp keeps its result: x and ten results";
  const Variable loss = autograd::sum(y);
  y = Variable();
  loss.backward();
  EXPECT_EQ(held(), 2) << "x and its gradient";
}

TEST(Autograd, BothFloatingTypes) {
  Variable x(Tensor::from<float>({2, 3}, {2}), true);
  autograd::sum(x * x).backward();
  EXPECT_EQ(x.grad().dtype(), Dtype::f32);
  EXPECT_EQ(grad_of(x), (std::vector<double>{4, 6}));
}

TEST(Autograd, EmptyTensors) {
  Variable x(Tensor::zeros({0, 3}, Dtype::f64), true);
  autograd::sum(autograd::relu(x)).backward();
  EXPECT_EQ(x.grad().shape(), (Shape{0, 3}));
}

TEST(Autograd, OverheadPerOpIsMicroseconds) {
  Variable x = leaf({1});
  const auto start = std::chrono::steady_clock::now();
  Variable y = x;
  for (int i = 0; i < 10'000; ++i) y = autograd::add_scalar(y, 1);
  y.backward();
  const double us = std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count() / 10'000;
  RecordProperty("us_per_op", std::to_string(us));
  EXPECT_LT(us, 100) << "forward and backward of one tiny op";  // wide: sanitizers, a busy machine
}

}  // namespace
