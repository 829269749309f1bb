#include "nn/data/loader.h"
#include "nn/resnet.h"
#include "nn/sgd.h"

int main() {
  auto model = nn::make_resnet("resnet8", {.classes = 10});
  auto data = nn::open_dataset("synthetic:shapes?split=train&limit=2560");
  auto optimizer = nn::Sgd(model->named_parameters(), {.lr = 0.1, .momentum = 0.9, .weight_decay = 5e-4});
  for (const auto& batch : nn::Loader(*data, {.batch = 64, .seed = 1, .augment = nn::crop_and_flip()})) {
    optimizer.zero_grad();
    auto loss = nn::cross_entropy((*model)(batch.images).logits, batch.labels);
    loss.backward();
    optimizer.step();
    fmt::print("{:.1f} ", loss.value().item());
  }
}
