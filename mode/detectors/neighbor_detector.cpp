// knn and csd: distances of an image's vectors to those of the training images (mode/README.md, eq. (12) and (13)).
#include <algorithm>
#include <limits>

#include "mode/detectors/detectors.h"
#include "mode/detectors/knn.h"
#include "nn/text.h"
#include "tensor/check.h"

namespace mode {
namespace {

using tensor::Dtype;

class NeighborDetector : public Detector {
 public:
  NeighborDetector(std::string name, NeighborOptions options) : name_(std::move(name)), options_(std::move(options)) {
    CHECK(options_.k >= 1 && options_.k <= 1024, "{}: K = {}; expected 1 .. 1024", name_, options_.k);
    CHECK(options_.bank_rows >= 0, "{}: bank_rows = {}; expected 0 (all rows) or more", name_, options_.bank_rows);
    scales_of(options_.scale_sets, 1, 1);  // an unknown set is an error
    for (std::string& set : options_.scale_sets) set = scale_set_name(set);
  }

  std::string name() const override { return name_; }
  std::string settings() const override {
    std::string text = fmt::format("K = {}, ", options_.k);
    if (banks_.empty()) {
      text += options_.scale_sets.empty() ? "all scales" : nn::joined(options_.scale_sets, "+");
    } else {
      text += scale_names_.size() == 1 ? scale_names_[0] : fmt::format("{} scales", scale_names_.size());
      int64_t rows = 0;
      for (const Bank& bank : banks_) rows += bank.rows.dim(0);
      text += fmt::format(", bank of {} rows", rows);
      if (rows < all_rows_)
        text += fmt::format(" of {} ({})", all_rows_, options_.bank_choice == BankChoice::random ? "random" : "k-center");
    }
    if (!options_.cross) text += ", same scale";
    if (options_.reduce != NeighborOptions::Reduce::min) text += options_.reduce == NeighborOptions::Reduce::mean ? ", mean" : ", max";
    return text;
  }

  void check_bank(int64_t images, const std::vector<Scale>& scales) const override {
    const auto used = static_cast<int64_t>(chosen_scales(scales).size());
    const int64_t searched = options_.cross ? used : 1, all = images * searched;
    CHECK(options_.k <= all, "{}: K = {}, but the bank has only {} rows ({} images x {} scales); lower K or give more images", name_,
          options_.k, all, images, searched);
    CHECK(options_.bank_rows == 0 || options_.k <= options_.bank_rows,
          "{}: K = {}, but only {} rows of the bank are kept; lower K or keep more rows", name_, options_.k, options_.bank_rows);
  }

  void fit(const Features& train) override {
    check_features(train, name_);
    const std::vector<int64_t> chosen = chosen_scales(train.scales);
    check_bank(train.size(), train.scales);
    std::vector<Bank> banks;
    if (options_.cross) {
      banks.push_back(make_bank(train, chosen));
    } else {
      for (const int64_t scale : chosen) banks.push_back(make_bank(train, {scale}));
    }
    all_rows_ = 0;
    for (Bank& bank : banks) {
      all_rows_ += bank.rows.dim(0);
      if (options_.bank_rows > 0 && options_.bank_rows < bank.rows.dim(0))
        bank = rows_of(bank, choose_rows(bank, options_.bank_rows, options_.bank_choice, options_.seed));
    }
    scale_names_.clear();
    for (const int64_t scale : chosen) scale_names_.push_back(train.scales[scale].name);
    banks_ = std::move(banks);
  }

  Tensor score(const Features& features, std::vector<Decision>* decisions) const override {
    CHECK(!banks_.empty(), "{}: score before fit; fit it on training images first", name_);
    check_features(features, name_);
    CHECK(features.regions.dim(2) == banks_[0].rows.dim(1), "{}: features of {} numbers, the bank's have {}; extract both with one network",
          name_, features.regions.dim(2), banks_[0].rows.dim(1));
    const std::vector<int64_t> chosen = chosen_scales(features.scales);
    bool same = chosen.size() == scale_names_.size();
    for (size_t at = 0; same && at < chosen.size(); ++at) same = features.scales[chosen[at]].name == scale_names_[at];
    CHECK(same, "{}: the images have other scales than the bank; extract both with the same scale sets and image size", name_);

    const int64_t n = features.size(), scales = static_cast<int64_t>(chosen.size());
    std::vector<Match> matches(n * scales);  // (N, scales)
    if (options_.cross) {
      search(normalized_rows(features, chosen), banks_[0], 1, matches.data());
    } else {
      for (int64_t scale = 0; scale < scales; ++scale)
        search(normalized_rows(features, {chosen[scale]}), banks_[scale], scales, matches.data() + scale);
    }
    Tensor scores({n}, Dtype::f64);
    if (decisions != nullptr) decisions->clear();
    for (int64_t at = 0; at < n; ++at) {
      const Match* image_matches = matches.data() + at * scales;
      scores.data<double>()[at] = -reduced(image_matches, scales);
      if (decisions != nullptr && options_.reduce != NeighborOptions::Reduce::mean)
        decisions->push_back(decision(image_matches, decisive(image_matches, scales)));
    }
    return scores;
  }

 private:
  /// The K-th smallest distance of one vector to the bank, and its nearest row.
  struct Match {
    double distance;
    int64_t nearest;
    bool operator<(const Match& other) const { return distance < other.distance; }
  };

  std::vector<int64_t> chosen_scales(const std::vector<Scale>& scales) const {
    std::vector<int64_t> chosen;
    for (size_t at = 0; at < scales.size(); ++at)
      if (options_.scale_sets.empty() ||
          std::find(options_.scale_sets.begin(), options_.scale_sets.end(), scales[at].set) != options_.scale_sets.end())
        chosen.push_back(static_cast<int64_t>(at));
    CHECK(!chosen.empty(), "{}: the features have none of the scales {}; extract them, or take sets that fit the network's feature map",
          name_, nn::joined(options_.scale_sets));
    return chosen;
  }

  /// Writes the match of query i to matches[i * step].
  void search(const Tensor& queries, const Bank& bank, int64_t step, Match* matches) const {
    const KnnResult found = knn(queries, bank.rows, options_.k);
    for (int64_t row = 0; row < queries.dim(0); ++row)
      matches[row * step] = {static_cast<double>(found.distances.data<float>()[(row + 1) * options_.k - 1]),
                             found.rows.data<int64_t>()[row * options_.k]};
  }

  int64_t decisive(const Match* matches, int64_t scales) const {
    return (options_.reduce == NeighborOptions::Reduce::min ? std::min_element(matches, matches + scales)
                                                            : std::max_element(matches, matches + scales)) -
           matches;
  }

  double reduced(const Match* matches, int64_t scales) const {
    if (options_.reduce != NeighborOptions::Reduce::mean) return matches[decisive(matches, scales)].distance;
    double sum = 0;
    for (int64_t scale = 0; scale < scales; ++scale) sum += matches[scale].distance;
    return sum / static_cast<double>(scales);
  }

  Decision decision(const Match* matches, int64_t scale) const {
    const Bank& bank = banks_[banks_.size() == 1 ? 0 : scale];
    const int64_t row = matches[scale].nearest;
    return {scale_names_[scale], bank.image_names[bank.ids.data<int32_t>()[row]], bank.scale_names[bank.scales.data<int32_t>()[row]],
            bank.labels.data<int32_t>()[row]};
  }

  std::string name_;
  NeighborOptions options_;
  std::vector<Bank> banks_;  // one, or one per scale
  std::vector<std::string> scale_names_;
  int64_t all_rows_ = 0;  // before bank_rows is applied
};

}  // namespace

std::unique_ptr<Detector> make_neighbor_detector(const std::string& name, const NeighborOptions& options) {
  return std::make_unique<NeighborDetector>(name, options);
}

}  // namespace mode
