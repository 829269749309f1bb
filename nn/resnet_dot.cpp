// The autograd graph of a ResNet in Graphviz's DOT language.

#include <map>

#include "autograd/graph.h"
#include "nn/resnet.h"

namespace nn {
namespace {

using autograd::RecordedOp;

constexpr int64_t batch = 2;          // BatchNorm needs two values per channel, even for a feature map of one pixel
constexpr size_t residual_input = 3;  // inputs of batch_norm: x, gamma, beta, residual

struct OpNode {
  size_t index = 0;                       ///< in the recorded graph
  std::string module, parameters, stage;  ///< "layer1.0.conv1", "weight (64, 3, 3, 64)", "layer1"
};

bool begins_with(const std::string& text, const std::string& begin) { return text.compare(0, begin.size(), begin) == 0; }

/// The ops of the graph, with the module and the parameters that their named leaves give.
std::vector<OpNode> op_nodes(const std::vector<RecordedOp>& graph) {
  std::vector<OpNode> nodes;
  for (size_t index = 0; index < graph.size(); ++index) {
    if (graph[index].op == "leaf") continue;
    OpNode node{index, "", "", ""};
    for (const int64_t input : graph[index].inputs) {
      if (input < 0) continue;
      const RecordedOp& leaf = graph[input];
      const size_t dot = leaf.name.rfind('.');
      if (leaf.op != "leaf" || dot == std::string::npos) continue;
      node.module = leaf.name.substr(0, dot);
      node.parameters += fmt::format("\\n{} {}", leaf.name.substr(dot + 1), leaf.shape.to_string());
    }
    nodes.push_back(node);
  }
  return nodes;
}

/// "layer2.0.conv1" -> "layer2".
std::string stage_of(const std::string& module) {
  if (begins_with(module, "layer")) return module.substr(0, module.find('.'));
  return module == "fc" ? "head" : "stem";
}

/// An op with parameters belongs to the stage of its module. An op without them (subsampling, global average pooling) belongs to the stage
/// of the op that reads it, except for the max pooling of the stem.
void find_stages(const std::vector<RecordedOp>& graph, std::vector<OpNode>& nodes) {
  std::map<size_t, std::string> reader;  // index -> stage of the op that reads it
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    const RecordedOp& op = graph[node->index];
    node->stage = !node->module.empty() ? stage_of(node->module) : op.op == "max_pool2d" ? "stem" : reader[node->index];
    for (const int64_t input : op.inputs)
      if (input >= 0) reader.emplace(input, node->stage);
  }
}

const char* color_of(const std::string& op) {
  if (op == "conv2d" || op == "linear") return "#cfe2f3";
  if (begins_with(op, "batch_norm")) return "#fff2cc";
  return "#e2efda";
}

}  // namespace

std::string dot_graph(const std::string& arch, const ResNetConfig& config, int64_t size) {
  const auto net = make_resnet(arch, config, /*initialized=*/false);
  int64_t saved_bytes = 0;
  for (const LayerRow& row : net->layer_table(size, size)) saved_bytes += batch * row.saved_bytes;
  CHECK(saved_bytes <= int64_t{2} << 30,
        "dot_graph: the recorded forward pass would save {:.1f} GB at size {}, expected at most 2 GiB; choose a smaller --size",
        static_cast<double>(saved_bytes) * 1e-9, size);

  const Variable images(Tensor::zeros({batch, size, size, 3}), /*requires_grad=*/true);
  std::vector<std::pair<std::string, Variable>> named = {{"images", images}};
  for (const Module::NamedParameter& parameter : net->named_parameters()) named.emplace_back(parameter.name, parameter.variable);
  const std::vector<RecordedOp> graph = recorded_graph((*net)(images).logits, named);
  std::vector<OpNode> nodes = op_nodes(graph);
  find_stages(graph, nodes);

  std::string text = fmt::format(
      "// {}: the autograd graph of one forward pass over {} images of {} x {} in training mode\n"
      "digraph \"{}\" {{\n  rankdir=TB;\n  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=10];\n",
      arch, batch, size, size, arch);
  std::map<std::string, std::string> clusters;
  std::vector<std::string> order;
  std::string edges;
  for (const OpNode& node : nodes) {
    const RecordedOp& op = graph[node.index];
    if (clusters.count(node.stage) == 0) order.push_back(node.stage);
    clusters[node.stage] +=
        fmt::format("    n{} [label=\"{}{}{}\\n{}\", fillcolor=\"{}\"];\n", node.index, op.op,
                    node.module.empty() ? "" : "\\n" + node.module, node.parameters, op.shape.to_string(), color_of(op.op));
    for (size_t input = 0; input < op.inputs.size(); ++input) {
      const int64_t from = op.inputs[input];
      if (from < 0) continue;
      const RecordedOp& source = graph[from];
      if (source.op == "leaf" && source.name != "images") continue;  // a parameter, shown in the node
      const bool residual = begins_with(op.op, "batch_norm") && input == residual_input;
      edges += fmt::format("  n{} -> n{}{};\n", from, node.index, residual ? " [style=dashed, label=\"residual\"]" : "");
    }
  }
  for (size_t index = 0; index < graph.size(); ++index)
    if (graph[index].name == "images") text += fmt::format("  n{} [label=\"images\\n{}\"];\n", index, graph[index].shape.to_string());
  for (const std::string& stage : order)
    text += fmt::format("  subgraph \"cluster_{}\" {{\n    label=\"{}\";\n{}  }}\n", stage, stage, clusters[stage]);
  return text + edges + "}\n";
}

}  // namespace nn
