// ALPA's forward and backward pass with its heads, at the paper's size. tools/peers/alpa.py does the same in PyTorch.

#include <memory>

#include "mode/alpa/alpa_loss.h"
#include "nn/module.h"
#include "tools/bench/measure.h"

namespace bench {
namespace {

struct Objective {
  mode::AlpaHeads heads;
  autograd::Variable map;
  tensor::Tensor labels;

  Objective(int64_t n, int64_t edge, int64_t feature_dim, int64_t width)
      : heads(feature_dim, width), map(random_tensor({n, edge, edge, feature_dim}, 1), true), labels({n}, tensor::Dtype::i64) {
    nn::initialize(heads, 1);
    for (int64_t i = 0; i < n; ++i) labels.data<int64_t>()[i] = i % 10;
  }
  void step() {
    heads.zero_grad();
    map.zero_grad();
    mode::alpa_loss(heads, map, labels).backward();
  }
};

}  // namespace

std::vector<Row> alpa_rows() {
  struct Size {
    int64_t n, edge, feature_dim, width;
  };
  std::vector<Row> rows;
  for (const Size& s : {Size{256, 4, 512, 80}, Size{128, 4, 64, 80}}) {
    const auto all = static_cast<double>(s.n * s.edge * s.edge), e = static_cast<double>(s.feature_dim), c = static_cast<double>(s.width);
    rows.push_back(
        {.name = "alpa/" + std::to_string(s.n) + "x" + std::to_string(s.edge * s.edge) + "x" + std::to_string(s.feature_dim) + "x" +
                 std::to_string(s.width),
         .flops = 12 * all * all * c + 3 * 3 * 2 * all * e * (e + c),  // pairs: 1.5 + 4.5 products; heads: forward, dx, dw
         .reports_memory = true,
         .prepare = [s] { return [objective = std::make_shared<Objective>(s.n, s.edge, s.feature_dim, s.width)] { objective->step(); }; }});
  }
  return rows;
}

}  // namespace bench
