#include "nn/dot.h"

#include <map>

#include "autograd/graph.h"

namespace nn {
namespace {

using autograd::RecordedOp;

constexpr int64_t images_in_pass = 2;  // BatchNorm wants two values a channel, also on a map of one pixel
constexpr size_t residual_input = 3;   // batch_norm's inputs are x, gamma, beta, residual

struct OpNode {
  size_t place = 0;                      ///< in the recorded graph
  std::string module, parameters, part;  ///< "layer1.0.conv1", "weight (64, 3, 3, 64)", "layer1"
};

bool begins_with(const std::string& text, const std::string& begin) { return text.compare(0, begin.size(), begin) == 0; }

/// Ops with what their named leaves say of them.
std::vector<OpNode> op_nodes(const std::vector<RecordedOp>& graph) {
  std::vector<OpNode> nodes;
  for (size_t place = 0; place < graph.size(); ++place) {
    if (graph[place].op == "leaf") continue;
    OpNode node{place, "", "", ""};
    for (const int64_t input : graph[place].inputs) {
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
std::string part_of(const std::string& module) {
  if (begins_with(module, "layer")) return module.substr(0, module.find('.'));
  return module == "fc" ? "head" : "stem";
}

/// An op with parameters belongs where they do, one without (a shortcut's subsampling, the global average) to what reads it; the stem's
/// maximum, which the first stage reads, is named.
void find_parts(const std::vector<RecordedOp>& graph, std::vector<OpNode>& nodes) {
  std::map<size_t, std::string> reader;  // place -> the part of what reads it
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    const RecordedOp& op = graph[node->place];
    node->part = !node->module.empty() ? part_of(node->module) : op.op == "max_pool2d" ? "stem" : reader[node->place];
    for (const int64_t input : op.inputs)
      if (input >= 0) reader.emplace(static_cast<size_t>(input), node->part);
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
  int64_t kept = 0;
  for (const LayerRow& row : net->layer_table(size, size)) kept += images_in_pass * row.kept_bytes;
  CHECK(kept <= int64_t{2} << 30, "a graph is recorded of a real pass, which would keep {:.1f} GB at size {}; choose a smaller --size",
        static_cast<double>(kept) * 1e-9, size);

  const Variable images(Tensor::zeros({images_in_pass, size, size, 3}), /*requires_grad=*/true);
  std::vector<std::pair<std::string, Variable>> named = {{"images", images}};
  for (const Module::NamedParameter& parameter : net->named_parameters()) named.emplace_back(parameter.name, parameter.variable);
  const std::vector<RecordedOp> graph = recorded_graph((*net)(images).logits, named);
  std::vector<OpNode> nodes = op_nodes(graph);
  find_parts(graph, nodes);

  std::string text = fmt::format(
      "// {}: what autograd records of one pass over {} images of {} x {} in training mode\n"
      "digraph \"{}\" {{\n  rankdir=TB;\n  node [shape=box, style=\"rounded,filled\", fontname=\"Helvetica\", fontsize=10];\n",
      arch, images_in_pass, size, size, arch);
  std::map<std::string, std::string> clusters;
  std::vector<std::string> order;
  std::string edges;
  for (const OpNode& node : nodes) {
    const RecordedOp& op = graph[node.place];
    if (clusters.count(node.part) == 0) order.push_back(node.part);
    clusters[node.part] +=
        fmt::format("    n{} [label=\"{}{}{}\\n{}\", fillcolor=\"{}\"];\n", node.place, op.op,
                    node.module.empty() ? "" : "\\n" + node.module, node.parameters, op.shape.to_string(), color_of(op.op));
    for (size_t input = 0; input < op.inputs.size(); ++input) {
      const int64_t from = op.inputs[input];
      if (from < 0) continue;
      const RecordedOp& source = graph[from];
      if (source.op == "leaf" && source.name != "images") continue;  // a parameter: it stands in the node
      const bool residual = begins_with(op.op, "batch_norm") && input == residual_input;
      edges += fmt::format("  n{} -> n{}{};\n", from, node.place, residual ? " [style=dashed, label=\"residual\"]" : "");
    }
  }
  for (size_t place = 0; place < graph.size(); ++place)
    if (graph[place].name == "images") text += fmt::format("  n{} [label=\"images\\n{}\"];\n", place, graph[place].shape.to_string());
  for (const std::string& part : order)
    text += fmt::format("  subgraph \"cluster_{}\" {{\n    label=\"{}\";\n{}  }}\n", part, part, clusters[part]);
  return text + edges + "}\n";
}

}  // namespace nn
