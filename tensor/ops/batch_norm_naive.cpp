// The oracles of batch_norm: one channel after the other, the formulas of the header as they stand, in double.

#include <cmath>

#include "tensor/ops/batch_norm.h"
#include "tensor/ops/matrix_view.h"

namespace tensor::ops::naive {

BatchNormResult batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, const Tensor& residual, BatchNormParams params) {
  const auto [rows, columns] = as_matrix(x);
  const Shape per_channel{columns};
  BatchNormResult result = {Tensor(x.shape(), x.dtype()), Tensor(per_channel, x.dtype()), Tensor(per_channel, x.dtype()),
                            Tensor(per_channel, x.dtype())};
  dispatch_floating(x.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    const T* in = x.data<T>();
    for (int64_t c = 0; c < columns; ++c) {
      double mean = 0, var = 0;
      for (int64_t r = 0; r < rows; ++r) mean += static_cast<double>(in[r * columns + c]);
      mean /= static_cast<double>(rows);
      for (int64_t r = 0; r < rows; ++r) {
        const double centered = static_cast<double>(in[r * columns + c]) - mean;
        var += centered * centered;
      }
      var /= static_cast<double>(rows);
      const double rstd = 1 / std::sqrt(var + params.eps);
      for (int64_t r = 0; r < rows; ++r) {
        const int64_t at = r * columns + c;
        double z =
            static_cast<double>(gamma.data<T>()[c]) * (static_cast<double>(in[at]) - mean) * rstd + static_cast<double>(beta.data<T>()[c]);
        if (residual.defined()) z += static_cast<double>(residual.data<T>()[at]);
        result.y.data<T>()[at] = static_cast<T>(params.relu && z < 0 ? 0 : z);
      }
      result.mean.data<T>()[c] = static_cast<T>(mean);
      result.rstd.data<T>()[c] = static_cast<T>(rstd);
      result.var.data<T>()[c] = static_cast<T>(var);
    }
  });
  return result;
}

BatchNormGradients batch_norm_grad(const Tensor& x, const Tensor& y, const Tensor& dy, const Tensor& gamma, const Tensor& mean,
                                   const Tensor& rstd, BatchNormParams params, bool needs_dresidual) {
  const auto [rows, columns] = as_matrix(x);
  BatchNormGradients result = {Tensor(x.shape(), x.dtype()), Tensor(gamma.shape(), x.dtype()), Tensor(gamma.shape(), x.dtype()), {}};
  if (needs_dresidual) result.dresidual = dy.clone();
  dispatch_floating(x.dtype(), [&, rows = rows, columns = columns](auto zero) {
    using T = decltype(zero);
    for (int64_t c = 0; c < columns; ++c) {
      const double mu = static_cast<double>(mean.data<T>()[c]), inverse = static_cast<double>(rstd.data<T>()[c]);
      const auto g = [&](int64_t at) { return params.relu && !(y.data<T>()[at] > 0) ? 0.0 : static_cast<double>(dy.data<T>()[at]); };
      const auto xhat = [&](int64_t at) { return (static_cast<double>(x.data<T>()[at]) - mu) * inverse; };
      double dbeta = 0, dgamma = 0;
      for (int64_t at = c; at < rows * columns; at += columns) {
        dbeta += g(at);
        dgamma += g(at) * xhat(at);
      }
      const double count = static_cast<double>(rows);
      for (int64_t at = c; at < rows * columns; at += columns) {
        result.dx.data<T>()[at] =
            static_cast<T>(static_cast<double>(gamma.data<T>()[c]) * inverse * (g(at) - dbeta / count - xhat(at) * dgamma / count));
        if (needs_dresidual) result.dresidual.data<T>()[at] = static_cast<T>(g(at));
      }
      result.dgamma.data<T>()[c] = static_cast<T>(dgamma);
      result.dbeta.data<T>()[c] = static_cast<T>(dbeta);
    }
  });
  return result;
}

}  // namespace tensor::ops::naive
