// Training as a whole: a small network learns 64 images by heart, and the same seed gives the same bits for any number of threads.

#include <gtest/gtest.h>

#include <cmath>

#include "nn/checkpoint.h"
#include "nn/layers.h"
#include "nn/schedule.h"
#include "nn/sgd.h"
#include "tensor/ops/reduce.h"
#include "tests/kernel_testing.h"

namespace {

using tensor::Tensor;

struct Images {
  Tensor x, labels;
};

/// Noise with labels that have nothing to do with it: only learning by heart helps.
Images noise(int64_t n, int64_t size, int64_t classes) {
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < n; ++i) labels.push_back(i % classes);
  return {tensor::random_tensor({n, size, size, 3}, tensor::Dtype::f32, 7), Tensor::from(labels, {n}, tensor::device_under_test())};
}

double accuracy(nn::ResNet& net, const Images& images) {
  const autograd::NoGrad no_grad;
  const Tensor guess = tensor::ops::argmax(net(images.x).logits.value());
  int64_t right = 0;
  for (int64_t i = 0; i < guess.numel(); ++i) right += guess.data<int64_t>()[i] == images.labels.data<int64_t>()[i];
  return static_cast<double>(right) / static_cast<double>(guess.numel());
}

/// Returns the last loss.
double train(nn::ResNet& net, nn::Sgd& sgd, const Images& images, int64_t batch, const nn::Schedule& schedule) {
  double last = NAN;
  for (int64_t step = 0; step < schedule.total_steps; ++step) {
    const int64_t begin = step * batch % images.x.dim(0), end = std::min(begin + batch, images.x.dim(0));
    sgd.zero_grad();
    sgd.set_lr(schedule.at(step));
    const auto loss = nn::cross_entropy(net(images.x.rows(begin, end)).logits, images.labels.rows(begin, end));
    last = loss.value().item();
    loss.backward();
    sgd.step();
  }
  return last;
}

TEST(Training, LearnsSixtyFourImagesByHeart) {
  const Images images = noise(64, 16, 10);
  auto net = nn::make_resnet("resnet8", {.seed = 3});
  EXPECT_LT(accuracy(*net, images), 0.5);
  nn::Sgd sgd(net->named_parameters(), {.momentum = 0.9, .weight_decay = 1e-4});
  const double loss = train(*net, sgd, images, 32, {.lr = 0.1, .total_steps = 80});
  EXPECT_TRUE(loss < 0.1) << loss;
  EXPECT_EQ(accuracy(*net, images), 1);
  net->eval();
  EXPECT_GE(accuracy(*net, images), 0.98);  // with the running statistics, too
}

TEST(Training, SameBitsForAnyNumberOfThreads) {
  const tensor::RestoreSettings restore;
  std::string hashes[2];
  for (const int threads : {1, 2}) {
    tensor::set_num_threads(threads);
    auto net = nn::make_resnet("resnet8", {.shortcut = nn::Shortcut::projection, .seed = 11});
    nn::Sgd sgd(net->named_parameters(), {.momentum = 0.9, .weight_decay = 5e-4});
    train(*net, sgd, noise(19, 16, 10), 8, {.lr = 0.1, .total_steps = 6});  // a last batch of three among them
    hashes[threads - 1] = nn::content_hash(nn::export_weights(*net)) + nn::content_hash(sgd.state());
  }
  EXPECT_EQ(hashes[0], hashes[1]);
}

TEST(Training, ResumesExactly) {
  const Images images = noise(8, 8, 10);
  const nn::Schedule schedule{.lr = 0.1, .total_steps = 3};
  const auto fresh = [] { return nn::make_resnet("resnet8", {.seed = 2}); };
  auto whole = fresh(), half = fresh(), rest = nn::make_resnet("resnet8", {.seed = 99});
  nn::Sgd whole_sgd(whole->named_parameters(), {}), half_sgd(half->named_parameters(), {}), rest_sgd(rest->named_parameters(), {});
  train(*whole, whole_sgd, images, 8, schedule);
  train(*whole, whole_sgd, images, 8, schedule);
  train(*half, half_sgd, images, 8, schedule);
  nn::load_weights(*rest, nn::export_weights(*half));
  rest_sgd.load_state(half_sgd.state());
  train(*rest, rest_sgd, images, 8, schedule);
  EXPECT_EQ(nn::content_hash(nn::export_weights(*whole)), nn::content_hash(nn::export_weights(*rest)));
  EXPECT_EQ(nn::content_hash(whole_sgd.state()), nn::content_hash(rest_sgd.state()));
}

struct Trained {
  std::vector<double> losses;
  std::string hash;
};

/// Steps of a small network that is made on the cpu, as every network is, and trained on the device under test.
Trained three_steps(nn::Shortcut shortcut) {
  const tensor::Device device = tensor::device_under_test();
  auto net = nn::make_resnet("resnet8", {.shortcut = shortcut, .seed = 5});
  net->to(device);
  nn::Sgd sgd(net->named_parameters(), {.momentum = 0.9, .weight_decay = 5e-4});
  const Images images = noise(6, 8, 10);
  Trained result;
  for (int step = 0; step < 3; ++step)
    result.losses.push_back(train(*net, sgd, {images.x, images.labels}, 6, {.lr = 0.05, .total_steps = 1}));
  for (const auto& parameter : net->named_parameters()) EXPECT_EQ(parameter.variable.value().device(), device) << parameter.name;
  result.hash = nn::content_hash(nn::export_weights(*net)) + nn::content_hash(sgd.state());
  return result;
}

TEST(Training, OnCudaAsOnTheCpuAndTwiceTheSameBits) {
  SKIP_WITHOUT_CUDA();
  const tensor::RestoreSettings restore;
  for (const nn::Shortcut shortcut : {nn::Shortcut::option_a, nn::Shortcut::projection}) {
    tensor::device_under_test() = {};
    const Trained cpu = three_steps(shortcut);
    tensor::device_under_test() = {tensor::Device::Kind::cuda, 0};
    const Trained once = three_steps(shortcut);
    tensor::reorder_threads(23);
    const Trained again = three_steps(shortcut);
    for (size_t step = 0; step < 3; ++step) EXPECT_NEAR(once.losses[step], cpu.losses[step], 1e-4 * cpu.losses[step]) << "step " << step;
    EXPECT_EQ(again.losses, once.losses);
    EXPECT_EQ(again.hash, once.hash);
  }
}

}  // namespace
