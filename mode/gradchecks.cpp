#include "mode/gradchecks.h"

#include "mode/cases/alpa.h"
#include "mode/derivations.h"
#include "nn/cases/contrastive_loss.h"

namespace mode {

std::vector<autograd::GradcheckCase> gradcheck_cases() {
  std::vector<autograd::GradcheckCase> all = autograd::gradcheck_cases();
  for (const auto& table : {nn::cases::contrastive_loss_gradchecks(), cases::alpa_gradchecks()})
    all.insert(all.end(), table.begin(), table.end());
  return all;
}

std::vector<autograd::Derivation> op_derivations() {
  std::vector<autograd::Derivation> all;
  for (const auto& [op, text] : derivations) all.push_back(autograd::parse_derivation(op, text));
  return all;
}

}  // namespace mode
