// All tables of cases, one after the other.

#include "autograd/cases/batch_norm.h"
#include "autograd/cases/broadcast.h"
#include "autograd/cases/conv2d.h"
#include "autograd/cases/cross_entropy.h"
#include "autograd/cases/elementwise.h"
#include "autograd/cases/l2_normalize.h"
#include "autograd/cases/linear.h"
#include "autograd/cases/matmul.h"
#include "autograd/cases/pool2d.h"
#include "autograd/cases/reduce.h"
#include "autograd/cases/region_pool.h"
#include "autograd/cases/reshape.h"
#include "autograd/cases/softmax.h"
#include "autograd/cases/subsample_pad.h"

namespace autograd {

std::vector<GradcheckCase> gradcheck_cases() {
  std::vector<GradcheckCase> all;
  for (const auto& table :
       {cases::elementwise_gradchecks(), cases::reshape_gradchecks(), cases::broadcast_gradchecks(), cases::reduce_gradchecks(),
        cases::matmul_gradchecks(), cases::linear_gradchecks(), cases::conv2d_gradchecks(), cases::batch_norm_gradchecks(),
        cases::pool2d_gradchecks(), cases::region_pool_gradchecks(), cases::subsample_pad_gradchecks(), cases::softmax_gradchecks(),
        cases::cross_entropy_gradchecks(), cases::l2_normalize_gradchecks()})
    all.insert(all.end(), table.begin(), table.end());
  return all;
}

}  // namespace autograd
