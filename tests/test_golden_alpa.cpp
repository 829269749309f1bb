// ALPA and SupCon against the published formulas in PyTorch.

#include "autograd/ops.h"
#include "mode/alpa/alpa.h"
#include "nn/contrastive_loss.h"
#include "tests/golden.h"

namespace {

using namespace golden;
using autograd::Variable;

TEST(GoldenAlpa, SimilaritiesLossAndGradients) {
  const File file("alpa");
  const int cases = file.cases("alpa.", ".s");
  EXPECT_GE(cases, 5);
  for_each_path([&](Dtype dtype) {
    for (int i = 0; i < cases; ++i) {
      const std::string key = fmt::format("alpa.{}.", i);
      SCOPED_TRACE(key);
      std::vector<Variable> in;
      for (const char* name : {"q", "k", "v"}) in.emplace_back(file.input(key + name, dtype), true);
      const auto aggregate = static_cast<mode::AlpaAggregate>(file.integers(key + "aggregate")[0]);
      const Variable s = mode::alpa_similarity(in[0], in[1], in[2], aggregate);
      const Variable loss = nn::contrastive_loss(s, file[key + "labels"]);
      loss.backward();
      const Shape shape = in[0].shape();
      const double allowed = 4 * tolerance(dtype, shape[1] * shape[2]);
      expect_close(s.value(), file[key + "s"], allowed, "s");
      expect_close(loss.value(), file[key + "loss"], 10 * allowed, "loss");
      for (size_t at = 0; at < 3; ++at) expect_close(in[at].grad(), file[fmt::format("{}d{}", key, "qkv"[at])], 10 * allowed, "gradient");
    }
  });
}

TEST(GoldenSupcon, LossAndGradient) {
  const File file("alpa");
  const int cases = file.cases("supcon.", ".loss");
  EXPECT_GE(cases, 2);
  for_each_path([&](Dtype dtype) {
    for (int i = 0; i < cases; ++i) {
      const std::string key = fmt::format("supcon.{}.", i);
      SCOPED_TRACE(key);
      const Variable x(file.input(key + "x", dtype), true);
      const std::vector<double> parameters = file[key + "parameters"].to_vector();
      const Variable loss = nn::supcon(autograd::l2_normalize(x, 1e-30), file[key + "labels"],
                                       {.inverse_temperature = parameters[0], .scale = parameters[1]});
      loss.backward();
      const double allowed = 15 * tolerance(dtype, x.shape()[1]);
      expect_close(loss.value(), file[key + "loss"], allowed, "loss");
      expect_close(x.grad(), file[key + "dx"], allowed, "dx");
    }
  });
}

}  // namespace
