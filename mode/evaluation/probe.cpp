#include "mode/evaluation/probe.h"

#include <algorithm>
#include <cmath>

#include "mode/evaluation/metrics.h"
#include "nn/data/readers.h"
#include "nn/layers.h"
#include "nn/module.h"
#include "nn/schedule.h"
#include "nn/sgd.h"
#include "tensor/check.h"
#include "tensor/math.h"

namespace mode {
namespace {

using tensor::Dtype;

/// (N, E): the global vectors (scale 0).
Tensor global_rows(const Features& features) {
  const int64_t n = features.size(), scales = features.regions.dim(1), width = features.regions.dim(2);
  Tensor rows({n, width});
  for (int64_t at = 0; at < n; ++at)
    std::copy_n(features.regions.data<float>() + at * scales * width, width, rows.data<float>() + at * width);
  return rows;
}

struct Statistics {
  std::vector<double> mean, inverse_std;
};
Statistics statistics_of(const Tensor& rows) {
  const int64_t n = rows.dim(0), width = rows.dim(1);
  Statistics statistics{std::vector<double>(width), std::vector<double>(width)};
  for (int64_t e = 0; e < width; ++e) {
    double sum = 0, squares = 0;
    for (int64_t at = 0; at < n; ++at) sum += static_cast<double>(rows.data<float>()[at * width + e]);
    const double mean = sum / static_cast<double>(n);
    for (int64_t at = 0; at < n; ++at) {
      const double difference = static_cast<double>(rows.data<float>()[at * width + e]) - mean;
      squares += difference * difference;
    }
    const double std = std::sqrt(squares / static_cast<double>(n));
    statistics.mean[e] = mean;
    statistics.inverse_std[e] = std > 1e-12 ? 1 / std : 0;  // a constant feature carries no information
  }
  return statistics;
}

}  // namespace

Probe train_probe(const Features& train, int64_t classes, const ProbeOptions& options, const std::function<void(int64_t)>& progress) {
  CHECK(classes >= 2 && options.epochs >= 1 && options.batch >= 1,
        "train_probe: a probe of {} classes, {} epochs, batches of {}; expected at least 2, 1 and 1", classes, options.epochs,
        options.batch);
  check_labels(train, classes, "train_probe");
  Tensor rows = global_rows(train);
  const int64_t n = rows.dim(0), width = rows.dim(1);
  const Statistics statistics = statistics_of(rows);
  for (int64_t at = 0; at < n; ++at)
    for (int64_t e = 0; e < width; ++e) {
      float& value = rows.data<float>()[at * width + e];
      value = static_cast<float>((static_cast<double>(value) - statistics.mean[e]) * statistics.inverse_std[e]);
    }

  nn::Linear classifier(width, classes);
  nn::initialize(classifier, options.seed);
  nn::Sgd sgd(classifier.named_parameters(), {.lr = options.lr, .momentum = 0.9, .weight_decay = options.weight_decay});
  nn::Schedule schedule;
  schedule.lr = options.lr;
  const int64_t steps = tensor::ceil_div(n, options.batch);
  schedule.total_steps = options.epochs * steps;
  for (int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    const std::vector<int64_t> order = nn::permutation(n, options.seed, static_cast<uint64_t>(epoch));
    for (int64_t step = 0; step < steps; ++step) {
      const int64_t first = step * options.batch, count = std::min(options.batch, n - first);
      Tensor x({count, width}), labels({count}, Dtype::i64);
      for (int64_t i = 0; i < count; ++i) {
        const int64_t at = order[first + i];
        std::copy_n(rows.data<float>() + at * width, width, x.data<float>() + i * width);
        labels.data<int64_t>()[i] = train.labels.data<int64_t>()[at];
      }
      sgd.set_lr(schedule.at(epoch * steps + step));
      sgd.zero_grad();
      const nn::Variable loss = nn::cross_entropy(classifier(nn::Variable(x)), labels);
      CHECK(std::isfinite(loss.value().item()), "train_probe: the loss became {} in epoch {}; choose a smaller --lr", loss.value().item(),
            epoch + 1);
      loss.backward();
      sgd.step();
    }
    if (progress) progress(epoch + 1);
  }

  // w ((x - mean) / std) + b = (w / std) x + (b - w mean / std)
  Probe probe{classifier.weight.value().clone(), classifier.bias.value().clone()};
  for (int64_t c = 0; c < classes; ++c) {
    double bias = static_cast<double>(probe.bias.data<float>()[c]);
    for (int64_t e = 0; e < width; ++e) {
      float& weight = probe.weight.data<float>()[c * width + e];
      const double scaled = static_cast<double>(weight) * statistics.inverse_std[e];
      bias -= scaled * statistics.mean[e];
      weight = static_cast<float>(scaled);
    }
    probe.bias.data<float>()[c] = static_cast<float>(bias);
  }
  return probe;
}

Features with_probe(Features features, const Probe& probe) {
  const autograd::NoGrad no_grad;
  features.logits = autograd::linear(nn::Variable(global_rows(features)), nn::Variable(probe.weight), nn::Variable(probe.bias)).value();
  return features;
}

}  // namespace mode
