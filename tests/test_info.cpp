// mode info --arch: the layer table, and the graph of the network in DOT.

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>

#include "autograd/graph.h"
#include "autograd/ops.h"
#include "nn/resnet.h"
#include "tests/command.h"
#include "tests/command_training.h"
#include "tests/errors.h"

namespace {

using command::expect_one_line;
using command::Result;
using command::run;

TEST(Info, LayerTableOfTorchvisionNetworks) {
  for (const auto& [arch, parameters] : {std::pair{"resnet18", "11,689,512"}, std::pair{"resnet34", "21,797,672"},
                                         std::pair{"resnet50", "25,557,032"}, std::pair{"resnet101", "44,549,160"}}) {
    const Result result = run({"info", "--arch", arch, "--stem", "imagenet", "--size", "224", "--classes", "1000"});
    ASSERT_EQ(result.status, 0) << result.err;
    EXPECT_NE(command::value_after(result.out, arch).find(parameters), std::string::npos) << result.out;
    for (const char* part : {"parameters", "MFLOP", "kept KiB", "max pool", "(1, 112, 112, 64)", "layer4.1"})
      EXPECT_NE(result.out.find(part), std::string::npos) << part;
  }
  const Result bottleneck = run({"info", "--arch", "resnet50", "--stem", "imagenet", "--size", "224"});
  EXPECT_NE(bottleneck.out.find("layer2.0.conv2 + bn2       (1, 28, 28, 128)"), std::string::npos) << "the 3x3 convolution has the stride\n"
                                                                                                   << bottleneck.out;
}

TEST(Info, ShortcutAndStemOfTheArch) {
  const auto total = [](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"info", "--arch", "resnet20"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Result result = run(arguments);
    EXPECT_EQ(result.status, 0) << result.err;
    const std::string line = command::value_after(result.out, "resnet20");
    return line.substr(0, line.find(' '));
  };
  EXPECT_EQ(total({}), "269,722");
  EXPECT_EQ(total({"--shortcut", "a"}), "269,722");
  EXPECT_EQ(total({"--shortcut", "projection"}), "272,474");
  EXPECT_EQ(total({"--stem", "imagenet"}), "271,642");  // 16 x 3 x (49 - 9) more
  expect_one_line(run({"info", "--arch", "resnet20", "--stem", "stern"}), 2, "--stem stern: expected cifar or imagenet");
  expect_one_line(run({"info", "--arch", "resnet20", "--shortcut", "b"}), 2, "--shortcut b");
  expect_one_line(run({"info", "--stem", "cifar"}), 2, "--stem is for --arch");
  expect_one_line(run({"info", "--model", command::trained_model(), "--shortcut", "a"}), 2, "--shortcut is for --arch without --model");
}

struct Dot {
  std::map<std::string, std::string> labels;               // node -> label
  std::vector<std::pair<std::string, std::string>> edges;  // from, to
  std::map<std::string, std::set<std::string>> clusters;   // name -> its nodes
  int residual = 0;                                        // edges that say so
};

/// Reads the subset of DOT that the command writes, line by line; anything else in a line is a fault.
Dot parse(const std::string& text) {
  Dot dot;
  std::istringstream lines(text);
  std::string line, cluster;
  int depth = 0, number = 0;
  const std::regex node(R"re(\s*(n\d+) \[label="([^"]*)"(, fillcolor="#[0-9a-f]{6}")?\];)re");
  const std::regex edge(R"re(\s*(n\d+) -> (n\d+)( \[style=dashed, label="residual"\])?;)re");
  const std::regex begin(R"re(\s*(digraph|subgraph) "(\w+)" \{)re");
  const std::regex other(R"re(//.*|\s*rankdir=TB;|\s*node \[[^\]]*\];|\s*label="\w+";)re");
  std::smatch match;
  while (std::getline(lines, line)) {
    ++number;
    if (std::regex_match(line, match, begin)) {
      EXPECT_EQ(match[1], depth == 0 ? "digraph" : "subgraph") << line;
      if (depth++ > 0) cluster = match[2];
    } else if (std::regex_match(line, std::regex(R"(\s*\})"))) {
      cluster.clear();
      EXPECT_GE(--depth, 0) << number;
    } else if (std::regex_match(line, match, node)) {
      EXPECT_TRUE(dot.labels.emplace(match[1], match[2]).second) << "declared twice: " << line;
      if (!cluster.empty()) dot.clusters[cluster].insert(match[1]);
    } else if (std::regex_match(line, match, edge)) {
      dot.edges.emplace_back(match[1], match[2]);
      dot.residual += match[3].matched ? 1 : 0;
    } else {
      EXPECT_TRUE(std::regex_match(line, other)) << "line " << number << ": " << line;
    }
  }
  EXPECT_EQ(depth, 0) << "braces";
  for (const auto& [from, to] : dot.edges) {
    EXPECT_TRUE(dot.labels.count(from) == 1 && dot.labels.count(to) == 1) << from << " -> " << to;
    EXPECT_LT(std::stoi(from.substr(1)), std::stoi(to.substr(1))) << "an op comes after its inputs";
  }
  return dot;
}

int nodes_of(const Dot& dot, const std::string& op) {
  return static_cast<int>(std::count_if(dot.labels.begin(), dot.labels.end(),
                                        [&](const auto& item) { return item.second.compare(0, op.size() + 2, op + "\\n") == 0; }));
}

TEST(Dot, GraphMatchesTheRecordedOps) {
  struct Case {
    const char* arch;
    nn::ResNetConfig config;
    int blocks, convolutions, projections, subsamplings, stages;
  };
  for (const Case& c : {Case{"resnet8", {}, 3, 7, 0, 2, 3}, Case{"resnet18", {}, 8, 17, 3, 0, 4},
                        Case{"resnet50", {.stem = nn::Stem::imagenet}, 16, 49, 4, 0, 4},
                        Case{"resnet50", {.shortcut = nn::Shortcut::option_a}, 16, 49, 0, 4, 4}}) {
    SCOPED_TRACE(c.arch);
    const int pools = c.config.stem == nn::Stem::imagenet ? 1 : 0;
    const Dot dot = parse(nn::dot_graph(c.arch, c.config, 32));
    EXPECT_EQ(nodes_of(dot, "conv2d"), c.convolutions + c.projections);
    EXPECT_EQ(nodes_of(dot, "batch_norm+relu"), c.convolutions);
    EXPECT_EQ(nodes_of(dot, "batch_norm"), c.projections);
    EXPECT_EQ(nodes_of(dot, "subsample_pad"), c.subsamplings);
    EXPECT_EQ(nodes_of(dot, "max_pool2d"), pools);
    for (const char* op : {"images", "region_pool", "reshape", "linear"}) EXPECT_EQ(nodes_of(dot, op), 1) << op;
    const int ops = 2 * (c.convolutions + c.projections) + c.subsamplings + pools + 3;
    EXPECT_EQ(static_cast<int>(dot.labels.size()), ops + 1);
    EXPECT_EQ(static_cast<int>(dot.edges.size()), ops + c.blocks);  // every op reads one map, and each block's last one the shortcut's
    EXPECT_EQ(dot.residual, c.blocks);
    EXPECT_EQ(static_cast<int>(dot.clusters.size()), c.stages + 2);
    EXPECT_EQ(static_cast<int>(dot.clusters.at("cluster_stem").size()), 2 + pools);
    EXPECT_EQ(dot.clusters.at("cluster_head").size(), 3u);
    EXPECT_EQ(std::count_if(dot.labels.begin(), dot.labels.end(),
                            [](const auto& item) { return item.second.find("layer1.0.conv1\\nweight (") != std::string::npos; }),
              1);
  }
  EXPECT_NE(message_of([] { nn::dot_graph("resnet101", {}, 1000); }).find("choose a smaller --size"), std::string::npos);
}

TEST(Dot, Command) {
  const TemporaryDirectory directory;
  const Result file = run({"info", "--arch", "resnet18", "--dot", directory / "net.dot"});
  ASSERT_EQ(file.status, 0) << file.err;
  EXPECT_NE(file.out.find("11,173,962"), std::string::npos) << file.out;
  EXPECT_EQ(parse(read_bytes(directory / "net.dot")).clusters.size(), 6u);
  const Result out = run({"info", "--arch", "resnet18", "--dot", "-"});
  EXPECT_EQ(out.out, read_bytes(directory / "net.dot")) << "the graph alone";
  const Result model = run({"info", "--model", command::trained_model(), "--dot", "-"});
  EXPECT_EQ(model.status, 0) << model.err;
  EXPECT_EQ(parse(model.out).clusters.size(), 5u);
  expect_one_line(run({"info", "--arch", "resnet8", "--dot", directory / "absent/net.dot"}), 1, "absent/net.dot");
  EXPECT_FALSE(std::filesystem::exists(directory / "absent"));
  expect_one_line(run({"info", "--dot", "-"}), 2, "--arch or --model");
  expect_one_line(run({"info", "--arch", "resnet101", "--size", "1000", "--dot", directory / "big.dot"}), 1, "choose a smaller --size");
  EXPECT_FALSE(std::filesystem::exists(directory / "big.dot"));
}

TEST(RecordedGraph, NamesLeavesAndKeepsTheOrder) {
  using autograd::Variable;
  const Variable a(tensor::Tensor::full({2}, 1), true), b(tensor::Tensor::full({2}, 2), true), constant(tensor::Tensor::full({2}, 3));
  const Variable y = autograd::sum((a * b + constant) * a);
  const auto graph = autograd::recorded_graph(y, {{"a", a}, {"b", b}, {"constant", constant}});
  ASSERT_EQ(graph.size(), 6u);  // the constant needs no gradient: it is no part of the graph
  EXPECT_EQ(graph[0].name, "a");
  EXPECT_EQ(graph[1].name, "b");
  EXPECT_EQ(graph[2].op, "multiply");
  EXPECT_EQ(graph[2].inputs, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(graph[3].op, "add");
  EXPECT_EQ(graph[3].inputs, (std::vector<int64_t>{2, -1}));
  EXPECT_EQ(graph[4].inputs, (std::vector<int64_t>{3, 0}));
  EXPECT_EQ(graph[5].op, "sum");
  EXPECT_EQ(graph[5].shape, tensor::Shape{});
  EXPECT_TRUE(autograd::recorded_graph(constant).empty());
  y.backward();
  EXPECT_NE(message_of([&] { autograd::recorded_graph(y); }).find("freed"), std::string::npos);
}

}  // namespace
