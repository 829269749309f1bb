#include "mode/alpa.h"

#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "tests/kernel_testing.h"

namespace {

using autograd::Variable;
using mode::AlpaAggregate;
using tensor::Dtype;
using tensor::Shape;
using tensor::Tensor;

constexpr AlpaAggregate aggregates[] = {AlpaAggregate::mean, AlpaAggregate::max, AlpaAggregate::sum, AlpaAggregate::logsum};

struct Case {
  int64_t n, r, c;
};
const Case cases[] = {
    {1, 1, 1},    // the smallest
    {2, 1, 5},    // one region: attention is 1
    {3, 4, 7},    //
    {7, 16, 80},  // the paper's
    {13, 9, 17},  // odd, more than one block of anchors
    {5, 25, 33},  // R no multiple of 4
    {2, 49, 3},   // R larger than C
    {2, 101, 4},  // R larger than a tile
};

Tensor cosines_of(const Case& c, Dtype dtype, uint64_t seed) { return tensor::random_tensor({c.n, c.r, c.c}, dtype, seed); }

std::vector<Tensor> gradients(const std::function<Variable(const std::vector<Variable>&)>& function, const std::vector<Tensor>& inputs,
                              const Tensor& ds) {
  std::vector<Variable> variables;
  for (const Tensor& input : inputs) variables.emplace_back(input, true);
  function(variables).backward(ds);
  std::vector<Tensor> result;
  for (const Variable& variable : variables) result.push_back(variable.grad());
  return result;
}

class Alpa : public testing::TestWithParam<tensor::Isa> {
 protected:
  void SetUp() override { tensor::set_isa(GetParam()); }
  const tensor::RestoreSettings restore_;
};

TEST_P(Alpa, IsTheFormula) {
  for (const Dtype dtype : {Dtype::f64, Dtype::f32})
    for (const Case& c : cases)
      for (const AlpaAggregate aggregate : aggregates) {
        SCOPED_TRACE(fmt::format("N {} R {} C {} aggregate {} {}", c.n, c.r, c.c, static_cast<int>(aggregate), tensor::name(dtype)));
        const double tolerance = dtype == Dtype::f64 ? 1e-10 : 2e-4;
        const std::vector<Tensor> in = {cosines_of(c, dtype, 1), cosines_of(c, dtype, 2), cosines_of(c, dtype, 3)};
        const Tensor ds = tensor::random_tensor({c.n, c.n}, dtype, 4);
        const auto fused = [&](const std::vector<Variable>& x) { return mode::alpa_similarity(x[0], x[1], x[2], aggregate); };
        const auto plain = [&](const std::vector<Variable>& x) { return mode::naive::alpa_similarity(x[0], x[1], x[2], aggregate); };
        const std::vector<Variable> constants(in.begin(), in.end());
        tensor::expect_close(fused(constants).value(), plain(constants).value(), tolerance);
        // A near tie of two cosines is a kink of their maximum; f64 tells them apart.
        if (dtype == Dtype::f32 && aggregate == AlpaAggregate::max) continue;
        const std::vector<Tensor> got = gradients(fused, in, ds), want = gradients(plain, in, ds);
        for (size_t i = 0; i < 3; ++i) tensor::expect_close(got[i], want[i], dtype == Dtype::f64 ? 1e-10 : 2e-3);
      }
}
INSTANTIATE_TEST_SUITE_P(Isa, Alpa, testing::ValuesIn(tensor::available_isas()),
                         [](const auto& info) { return std::string(tensor::name(info.param)); });

}  // namespace
