// Matrix products: a square one, and those of a Linear layer.

#include "tensor/ops/matmul.h"
#include "tools/bench/rows.h"

namespace bench {

std::vector<Row> matmul_rows() {
  using tensor::ops::Transpose;
  struct Product {
    const char* name;
    int64_t m, n, k;
    Transpose a, b;
  };
  const Product products[] = {
      {"1024", 1024, 1024, 1024, Transpose::no, Transpose::no},
      {"1024-a-transposed", 1024, 1024, 1024, Transpose::yes, Transpose::no},
      {"1024-b-transposed", 1024, 1024, 1024, Transpose::no, Transpose::yes},
      {"tall-16384x64x576", 16384, 64, 576, Transpose::no, Transpose::no},
      {"classifier-128x10x512", 128, 10, 512, Transpose::no, Transpose::yes},
  };
  std::vector<Row> rows;
  for (const Product& p : products) {
    rows.push_back({.name = std::string("matmul/") + p.name,
                    .flops = 2.0 * static_cast<double>(p.m * p.n * p.k),
                    .bytes = 4.0 * static_cast<double>(p.m * p.k + p.k * p.n + p.m * p.n),
                    .prepare = [p] {
                      const tensor::Tensor a = random_tensor(p.a == Transpose::no ? tensor::Shape{p.m, p.k} : tensor::Shape{p.k, p.m}, 1);
                      const tensor::Tensor b = random_tensor(p.b == Transpose::no ? tensor::Shape{p.k, p.n} : tensor::Shape{p.n, p.k}, 2);
                      return [=] { tensor::ops::matmul(a, b, p.a, p.b); };
                    }});
  }
  return rows;
}

}  // namespace bench
