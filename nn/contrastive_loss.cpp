#include "nn/contrastive_loss.h"

#include <cmath>

#include "autograd/ops.h"
#include "tensor/check.h"
#include "tensor/device.h"
#include "tensor/ops/elementwise.h"

namespace nn {

ContrastiveResult contrastive_loss_and_grad(const Tensor& similarity, const Tensor& groups, const ContrastiveOptions& options) {
  CHECK(similarity.rank() == 2 && similarity.dim(0) == similarity.dim(1) && similarity.dim(0) >= 1,
        "contrastive_loss: expected similarity (N, N) with N >= 1, got {}; use z z^T", similarity.shape().to_string());
  CHECK(groups.dtype() == tensor::Dtype::i64 && groups.device() == similarity.device(),
        "contrastive_loss: groups are {} on {}, expected i64 on {}; cast or move them", tensor::name(groups.dtype()),
        groups.device().to_string(), similarity.device().to_string());
  tensor::check_shape("contrastive_loss", {"groups", groups}, {similarity.dim(0)});
  CHECK(std::isfinite(options.inverse_temperature) && options.inverse_temperature > 0 && std::isfinite(options.scale),
        "contrastive_loss: inverse temperature {}, scale {}; use a positive inverse temperature, both finite", options.inverse_temperature,
        options.scale);
  DISPATCH_CPU(similarity, contrastive_loss_and_grad, similarity, groups, options);
}

// derivation of contrastive_loss
//   y = -(scale / N) sum_i (1 / |P(i)|) sum_{p in P(i)} [ t s[i,p] - ln sum_{a != i} e^(t s[i,a]) ], P(i) = {p != i: group p = group i}
//   ds[i,j] = dy scale (t / N) (softmax_{a != i}(t s[i,:])[j] - [j in P(i)] / |P(i)|); 0 for j = i and where P(i) is empty
Variable contrastive_loss(const Variable& similarity, const Tensor& groups, const ContrastiveOptions& options) {
  const ContrastiveResult forward = contrastive_loss_and_grad(similarity.value(), groups, options);
  return autograd::record("contrastive_loss", forward.loss, {similarity},
                          [ds = forward.dsimilarity](const Tensor& dloss, const autograd::Needs&) {
                            return autograd::Gradients{tensor::ops::scale(ds, dloss.item())};
                          });
}

Variable supcon(const Variable& z, const Tensor& labels, const ContrastiveOptions& options) {
  return contrastive_loss(autograd::matmul(z, z, tensor::ops::Transpose::no, tensor::ops::Transpose::yes), labels, options);
}

Variable simclr(const Variable& z, int64_t views, const ContrastiveOptions& options) {
  const int64_t rows = z.shape()[0];
  CHECK(views >= 2 && rows % views == 0, "simclr: {} rows are not {} views of each image; at least 2 are needed", rows, views);
  std::vector<int64_t> image(rows);
  for (int64_t row = 0; row < rows; ++row) image[row] = row % (rows / views);
  return supcon(z, Tensor::from(image, tensor::Shape{rows}, z.value().device()), options);
}

double collapsed_contrastive_loss(int64_t n, const ContrastiveOptions& options) {
  CHECK(n >= 2, "collapsed_contrastive_loss of {} views; at least 2 are needed", n);
  return options.scale * std::log(static_cast<double>(n - 1));
}

}  // namespace nn
