// Matrix products: a square one, and those of a Linear layer.

#include "autograd/cases/matmul.h"
#include "tools/bench/measure.h"

namespace bench {

std::vector<Row> matmul_rows() {
  std::vector<Row> rows;
  for (const autograd::cases::MatmulProduct& p : autograd::cases::matmul_products) {
    const auto [m, n, k] = p.size;
    rows.push_back({.name = std::string("matmul/") + p.name,
                    .flops = 2.0 * static_cast<double>(m * n * k),
                    .bytes = 4.0 * static_cast<double>(m * k + k * n + m * n),
                    .prepare = [p] {
                      const tensor::Tensor a = random_tensor(p.size.a_shape(p.a), 1), b = random_tensor(p.size.b_shape(p.b), 2);
                      return [=] { tensor::ops::matmul(a, b, p.a, p.b); };
                    }});
  }
  return rows;
}

}  // namespace bench
