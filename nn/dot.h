#pragma once
// A network's graph as Graphviz draws it.

#include <string>

#include "nn/resnet.h"

namespace nn {

/// The graph that autograd records of one forward pass over two images of size x size in training mode, in the language DOT: what the
/// engine really does, fused ops and all. A node is an op with its module's name, its parameters' shapes and its result's shape; an edge is
/// a map that flows from op to op (dashed: the shortcut's, added behind the branch's last BatchNorm); a cluster is a stage. Parameters are
/// no nodes of their own. The pass costs time and memory as a training step's does; one that would keep over 2 GB is refused.
std::string dot_graph(const std::string& arch, const ResNetConfig& config, int64_t size);

}  // namespace nn
