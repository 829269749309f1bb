// Whole training steps: forward, cross-entropy, backward, SGD. tools/peers/train_step.py does the same in PyTorch.

#include <memory>

#include "nn/layers.h"
#include "nn/resnet.h"
#include "nn/sgd.h"
#include "tools/bench/measure.h"

namespace bench {
namespace {

/// Forward, dx and dw have equal FLOP counts; the dx of the first layer is not computed.
double step_flops(const nn::ResNet& net, int64_t batch) {
  const std::vector<nn::LayerRow> layers = net.layer_table(32, 32);
  double mflop = -layers.front().mflop;
  for (const nn::LayerRow& layer : layers) mflop += 3 * layer.mflop;
  return 1e6 * mflop * static_cast<double>(batch);
}

struct Student {
  std::unique_ptr<nn::ResNet> net;
  nn::Sgd optimizer;
  tensor::Tensor images, labels;

  Student(const std::string& arch, int64_t batch)
      : net(nn::make_resnet(arch, {.shortcut = nn::default_shortcut(arch)})),
        optimizer(net->named_parameters(), {.lr = 0.01, .momentum = 0.9, .weight_decay = 5e-4}),
        images(random_tensor({batch, 32, 32, 3}, 1)),
        labels({batch}, tensor::Dtype::i64) {
    for (int64_t i = 0; i < batch; ++i) labels.data<int64_t>()[i] = i % 10;
    net->train();
  }
  void step() {
    optimizer.zero_grad();
    nn::cross_entropy((*net)(images).logits, labels).backward();
    optimizer.step();
  }
};

}  // namespace

std::vector<Row> training_rows() {
  struct Training {
    const char* arch;
    int64_t batch;
  };
  std::vector<Row> rows;
  for (const Training& t : {Training{"resnet18", 64}, Training{"resnet20", 128}, Training{"resnet20", 64}}) {
    rows.push_back(
        {.name = std::string("training/") + t.arch + "/batch" + std::to_string(t.batch),
         .flops = step_flops(*nn::make_resnet(t.arch, {.shortcut = nn::default_shortcut(t.arch)}, /*initialized=*/false), t.batch),
         .images = static_cast<double>(t.batch),
         .reports_memory = true,
         .prepare = [t] { return [student = std::make_shared<Student>(t.arch, t.batch)] { student->step(); }; }});
  }
  return rows;
}

}  // namespace bench
