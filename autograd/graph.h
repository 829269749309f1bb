#pragma once
// The recorded graph, to look at: what backward() would walk over.

#include <string>
#include <utility>
#include <vector>

#include "autograd/variable.h"

namespace autograd {

struct RecordedOp {
  std::string op;               ///< "conv2d"; "leaf" for a leaf
  std::string name;             ///< of a leaf that is among `named`
  Shape shape;                  ///< of its result
  std::vector<int64_t> inputs;  ///< places in the list, in the op's own order; -1 where the input is absent or needs no gradient
};

/// The recorded nodes that `root` depends on, oldest first: an op comes after its inputs. Empty where no graph was
/// recorded; an error where backward() has freed it.
std::vector<RecordedOp> recorded_graph(const Variable& root, const std::vector<std::pair<std::string, Variable>>& named = {});

}  // namespace autograd
