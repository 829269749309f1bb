#include "mode/detectors.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "mode/knn.h"
#include "tensor/check.h"

namespace mode {
namespace {

using tensor::Dtype;

// One number from each row of logits, in double: in float a confident network's softmax is 1 for many pictures at once.
class LogitDetector : public Detector {
 public:
  using Score = double (*)(const float* logits, int64_t classes);
  LogitDetector(std::string name, std::string settings, Score score)
      : name_(std::move(name)), settings_(std::move(settings)), score_(score) {}

  std::string name() const override { return name_; }
  std::string settings() const override { return settings_; }
  void fit(const Features& train) override { check_features(train, name_); }
  Tensor score(const Features& features) const override {
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

// score = -min over the picture's vectors of the K-th smallest squared distance to the bank, in which all scales stand together.
class NeighbourDetector : public Detector {
 public:
  /// `scale_limit` 1: the global vector alone; 0: all scales.
  NeighbourDetector(std::string name, int64_t k, int64_t scale_limit) : name_(std::move(name)), k_(k), scale_limit_(scale_limit) {
    CHECK(k >= 1 && k <= 1024, "{}: K = {}; expected 1 .. 1024", name_, k);
  }

  std::string name() const override { return name_; }
  std::string settings() const override {
    std::string text = fmt::format("K = {}, ", k_);
    if (!bank_.rows.defined()) return text + (scale_limit_ == 1 ? "global" : "all scales");
    text += bank_.scale_names.size() == 1 ? bank_.scale_names[0] : fmt::format("{} scales", bank_.scale_names.size());
    return text + fmt::format(", bank of {} rows", bank_.rows.dim(0));
  }
  void check_bank(int64_t pictures, int64_t scales) const override {
    const int64_t used = scale_limit_ > 0 ? std::min(scale_limit_, scales) : scales;
    CHECK(k_ <= pictures * used, "{}: K = {}, but the bank has only {} rows ({} pictures x {} scales); lower K or give more pictures",
          name_, k_, pictures * used, pictures, used);
  }
  void fit(const Features& train) override {
    Bank bank = make_bank(train, scale_limit_);
    check_bank(train.size(), static_cast<int64_t>(bank.scale_names.size()));
    bank_ = std::move(bank);
  }
  Tensor score(const Features& features) const override {
    CHECK(bank_.rows.defined(), "{}: score before fit; give it the training pictures first", name_);
    check_features(features, name_);
    CHECK(features.regions.dim(2) == bank_.rows.dim(1),
          "{}: features of {} numbers, the bank's have {}; was it fitted with another network?", name_, features.regions.dim(2),
          bank_.rows.dim(1));
    const int64_t n = features.size(), scales = static_cast<int64_t>(bank_.scale_names.size());
    for (int64_t scale = 0; scale < scales; ++scale)
      CHECK(scale < features.regions.dim(1) &&
                features.scales[static_cast<size_t>(scale)].name == bank_.scale_names[static_cast<size_t>(scale)],
            "{}: the pictures have other scales than the bank; extract both with the same picture size", name_);

    const KnnResult found = knn(normalised_rows(features, scales), bank_.rows, k_);
    Tensor scores({n}, Dtype::f64);
    for (int64_t at = 0; at < n; ++at) {
      double nearest = std::numeric_limits<double>::infinity();
      for (int64_t scale = 0; scale < scales; ++scale)
        nearest = std::min(nearest, static_cast<double>(found.distances.data<float>()[(at * scales + scale) * k_ + k_ - 1]));
      scores.data<double>()[at] = -nearest;
    }
    return scores;
  }

 private:
  std::string name_;
  int64_t k_, scale_limit_;
  Bank bank_;
};

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
      {"knn", [](const DetectorOptions& options) { return std::make_unique<NeighbourDetector>("knn", options.knn_k, 1); }},
      // Zhang et al.: "From global to local: multi-scale out-of-distribution detection", IEEE TIP 2023; METHOD, section 4.
      {"csd", [](const DetectorOptions& options) { return std::make_unique<NeighbourDetector>("csd", options.csd_k, 0); }},
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
  throw tensor::Error(fmt::format("method '{}' is unknown; known are {}", name, known));
}

}  // namespace mode
