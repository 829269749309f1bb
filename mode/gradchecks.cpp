#include "mode/gradchecks.h"

#include "mode/cases/alpa.h"
#include "nn/cases/contrastive_loss.h"

namespace mode {
namespace {

template <class Item>
std::vector<Item> joined(std::vector<Item> all, std::initializer_list<std::vector<Item>> more) {
  for (const std::vector<Item>& part : more) all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace

std::vector<autograd::GradcheckCase> gradcheck_cases() {
  return joined(autograd::gradcheck_cases(), {nn::cases::contrastive_loss_gradchecks(), cases::alpa_gradchecks()});
}

std::vector<autograd::OpExplanation> op_explanations() {
  return joined(autograd::op_explanations(), {nn::cases::contrastive_loss_explanations(), cases::alpa_explanations()});
}

}  // namespace mode
