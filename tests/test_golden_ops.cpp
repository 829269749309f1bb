// Ops against PyTorch's numbers (tests/golden/ops.safetensors), in f64 and f32, on every instruction set.

#include "autograd/ops.h"
#include "tensor/ops/batch_norm.h"
#include "tensor/ops/conv2d.h"
#include "tensor/ops/cross_entropy.h"
#include "tensor/ops/l2_normalize.h"
#include "tensor/ops/pool2d.h"
#include "tensor/ops/softmax.h"
#include "tests/golden.h"

namespace {

using namespace golden;
namespace ops = tensor::ops;

const File& file() {
  static const File opened("ops");
  return opened;
}

TEST(GoldenOps, Conv2d) {
  const int cases = file().cases("conv2d.", ".y");
  EXPECT_GE(cases, 11);
  for_each_path([&](Dtype dtype) {
    for (int i = 0; i < cases; ++i) {
      const std::string key = "conv2d." + std::to_string(i) + ".";
      const Tensor x = file().input(key + "x", dtype), w = file().input(key + "w", dtype), dy = file().input(key + "dy", dtype);
      const std::vector<int64_t> params = file().integers(key + "params");
      const ops::Conv2dParams conv{.stride = params[0], .padding = params[1]};
      const int64_t taps = w.dim(1) * w.dim(2);
      expect_close(ops::conv2d(x, w, conv), file()[key + "y"], tolerance(dtype, taps * w.dim(3)), key + "y");
      expect_close(ops::conv2d_dx(w, dy, x.shape(), conv), file()[key + "dx"], tolerance(dtype, taps * w.dim(0)), key + "dx");
      expect_close(ops::conv2d_dw(x, dy, w.shape(), conv), file()[key + "dw"], tolerance(dtype, dy.numel() / dy.dim(3)), key + "dw");
    }
  });
}

TEST(GoldenOps, BatchNorm) {
  const int cases = file().cases("batch_norm.", ".x");
  EXPECT_GE(cases, 5);
  for_each_path([&](Dtype dtype) {
    for (int i = 0; i < cases; ++i) {
      const std::string key = "batch_norm." + std::to_string(i) + ".";
      const auto input = [&](const char* name) { return file().input(key + name, dtype); };
      const Tensor x = input("x"), gamma = input("gamma"), beta = input("beta"), dy = input("dy");
      const bool with_residual = file().has(key + "residual");
      const Tensor residual = with_residual ? input("residual") : Tensor();
      const ops::BatchNormParams params{.relu = file().integers(key + "relu")[0] != 0};
      const int64_t rows = x.numel() / gamma.numel();
      // Two rows: the centered value is a difference of nearly equal numbers divided by their distance, so errors of x grow by 1 / std.
      const double allowed = 8 * tolerance(dtype, rows);
      const auto compare = [&](const ops::BatchNormGradients& got, const std::string& part) {
        expect_close(got.dx, file()[key + part + "dx"], allowed, key + part + "dx");
        expect_close(got.dgamma, file()[key + part + "dgamma"], allowed, key + part + "dgamma");
        expect_close(got.dbeta, file()[key + part + "dbeta"], allowed, key + part + "dbeta");
        if (with_residual) expect_close(got.dresidual, file()[key + part + "dresidual"], allowed, key + part + "dresidual");
      };

      const ops::BatchNormResult batch = ops::batch_norm(x, gamma, beta, residual, params);
      expect_close(batch.y, file()[key + "train.y"], allowed, key + "train.y");
      compare(ops::batch_norm_grad(x, gamma, batch.mean, batch.rstd, batch.y, dy, params, with_residual), "train.");
      Tensor mean = input("running_mean").clone(), var = input("running_var").clone();
      ops::update_running_statistics(mean, var, batch, rows, 0.1);
      expect_close(mean, file()[key + "train.running_mean"], allowed, key + "train.running_mean");
      expect_close(var, file()[key + "train.running_var"], allowed, key + "train.running_var");

      mean = input("running_mean"), var = input("running_var");
      const Tensor y = ops::batch_norm_inference(x, gamma, beta, mean, var, residual, params);
      expect_close(y, file()[key + "inference.y"], allowed, key + "inference.y");
      compare(ops::batch_norm_inference_grad(x, gamma, mean, var, y, dy, params, with_residual), "inference.");
    }
  });
}

TEST(GoldenOps, Pool2d) {
  const int cases = file().cases("pool2d.", ".x");
  EXPECT_GE(cases, 5);
  for_each_path([&](Dtype dtype) {
    for (int i = 0; i < cases; ++i) {
      const std::string key = "pool2d." + std::to_string(i) + ".";
      const Tensor x = file().input(key + "x", dtype), dy = file().input(key + "dy", dtype);
      const std::vector<int64_t> params = file().integers(key + "params");
      const ops::Pool2dParams pool{.kernel = params[0], .stride = params[1], .padding = params[2]};
      const double allowed = tolerance(dtype, params[0] * params[0]);
      const ops::MaxPoolResult max = ops::max_pool2d(x, pool);
      expect_close(max.y, file()[key + "max.y"], 0, key + "max.y");
      expect_close(ops::max_pool2d_grad(max.argmax, dy, x.shape(), pool), file()[key + "max.dx"], allowed, key + "max.dx");
    }
  });
}

TEST(GoldenOps, FunctionsOfRows) {
  const int cases = file().cases("rows.", ".x");
  EXPECT_GE(cases, 4);
  for_each_path([&](Dtype dtype) {
    for (int i = 0; i < cases; ++i) {
      const std::string key = "rows." + std::to_string(i) + ".";
      const Tensor x = file().input(key + "x", dtype), dy = file().input(key + "dy", dtype), labels = file()[key + "labels"];
      const double allowed = tolerance(dtype, x.dim(1));
      const auto expect = [&](const Tensor& got, const std::string& name) { expect_close(got, file()[key + name], allowed, key + name); };

      const Tensor softmax = ops::softmax(x), log_softmax = ops::log_softmax(x);
      expect(softmax, "softmax.y");
      expect(ops::softmax_grad(softmax, dy), "softmax.dx");
      expect(log_softmax, "log_softmax.y");
      expect(ops::log_softmax_grad(log_softmax, dy), "log_softmax.dx");

      const ops::CrossEntropyResult loss = ops::cross_entropy(x, labels);
      expect(loss.loss, "cross_entropy.loss");
      expect(ops::cross_entropy_grad(loss.probabilities, labels, Tensor::full({}, 1, dtype)), "cross_entropy.dx");

      const ops::L2NormalizeResult unit = ops::l2_normalize(x, 1e-10);
      expect(unit.y, "l2_normalize.y");
      expect(ops::l2_normalize_grad(x, unit.norm, dy, 1e-10), "l2_normalize.dx");
    }
  });
}

TEST(GoldenOps, LinearThroughAutograd) {
  const int cases = file().cases("linear.", ".x");
  EXPECT_GE(cases, 4);
  for_each_path([&](Dtype dtype) {
    for (int i = 0; i < cases; ++i) {
      const std::string key = "linear." + std::to_string(i) + ".";
      const autograd::Variable x(file().input(key + "x", dtype), true), w(file().input(key + "w", dtype), true),
          b(file().input(key + "b", dtype), true);
      const autograd::Variable y = autograd::linear(x, w, b);
      y.backward(file().input(key + "dy", dtype));
      const int64_t rows = x.shape()[0], in = x.shape()[1], out = w.shape()[0];
      expect_close(y.value(), file()[key + "y"], tolerance(dtype, in), key + "y");
      expect_close(x.grad(), file()[key + "dx"], tolerance(dtype, out), key + "dx");
      expect_close(w.grad(), file()[key + "dw"], tolerance(dtype, rows), key + "dw");
      expect_close(b.grad(), file()[key + "db"], tolerance(dtype, rows), key + "db");
    }
  });
}

}  // namespace
