#include "mode/detectors/detectors.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "tensor/check.h"

namespace mode {
namespace {

using tensor::Dtype;

// A function of each row of logits, in double: in float the softmax of a confident network is 1 for many images, and ties cost AUROC.
class LogitDetector : public Detector {
 public:
  using Score = double (*)(const float* logits, int64_t classes);
  LogitDetector(std::string name, std::string settings, Score score)
      : name_(std::move(name)), settings_(std::move(settings)), score_(score) {}

  std::string name() const override { return name_; }
  std::string settings() const override { return settings_; }
  void fit(const Features& train) override { check_features(train, name_); }
  Tensor score(const Features& features, std::vector<Decision>*) const override {
    check_features(features, name_);
    const int64_t n = features.size(), classes = features.logits.dim(1);
    Tensor scores({n}, Dtype::f64);
    for (int64_t at = 0; at < n; ++at) scores.data<double>()[at] = score_(features.logits.data<float>() + at * classes, classes);
    return scores;
  }

 private:
  std::string name_, settings_;
  Score score_;
};

double max_logit(const float* logits, int64_t classes) { return *std::max_element(logits, logits + classes); }

// sum over c of exp(z_c - max z)
double shifted_sum(const float* logits, int64_t classes) {
  const double largest = max_logit(logits, classes);
  double sum = 0;
  for (int64_t c = 0; c < classes; ++c) sum += std::exp(static_cast<double>(logits[c]) - largest);
  return sum;
}

double max_softmax(const float* logits, int64_t classes) { return 1 / shifted_sum(logits, classes); }

double log_sum_exp(const float* logits, int64_t classes) { return max_logit(logits, classes) + std::log(shifted_sum(logits, classes)); }

struct Method {
  const char* name;
  std::function<std::unique_ptr<Detector>(const DetectorOptions&)> make;
};

const std::vector<Method>& methods() {
  static const std::vector<Method> all = {
      // Hendrycks, Gimpel: "A baseline for detecting misclassified and out-of-distribution examples in neural networks", ICLR 2017.
      {"msp", [](const DetectorOptions&) { return std::make_unique<LogitDetector>("msp", "", &max_softmax); }},
      // Hendrycks et al.: "Scaling out-of-distribution detection for real-world settings", ICML 2022.
      {"maxlogit", [](const DetectorOptions&) { return std::make_unique<LogitDetector>("maxlogit", "", &max_logit); }},
      // Liu, Wang, Owens, Li: "Energy-based out-of-distribution detection", NeurIPS 2020.
      {"energy", [](const DetectorOptions&) { return std::make_unique<LogitDetector>("energy", "temperature 1", &log_sum_exp); }},
      // Sun, Ming, Zhu, Li: "Out-of-distribution detection with deep nearest neighbors", ICML 2022.
      {"knn", [](const DetectorOptions& options) { return make_neighbor_detector("knn", options.knn); }},
      // Zhang et al.: "From global to local: multi-scale out-of-distribution detection", IEEE TIP 2023; mode/README.md, eq. (13).
      {"csd", [](const DetectorOptions& options) { return make_neighbor_detector("csd", options.csd); }},
  };
  return all;
}

}  // namespace

std::vector<std::string> known_methods() {
  std::vector<std::string> names;
  for (const Method& method : methods()) names.push_back(method.name);
  return names;
}

std::unique_ptr<Detector> make_detector(const std::string& name, const DetectorOptions& options) {
  std::string known;
  for (const Method& method : methods()) {
    if (name == method.name) return method.make(options);
    known += fmt::format("{}{}", known.empty() ? "" : ", ", method.name);
  }
  throw tensor::Error(fmt::format("method '{}' is unknown; known methods: {}", name, known));
}

}  // namespace mode
