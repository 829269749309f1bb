#pragma once
// mode eval: accuracy of a network on its own kind of images, and how well detectors tell others from them.

#include <cstdint>
#include <string>
#include <vector>

namespace mode::tools {

struct EvalOptions {
  std::string model;
  std::string id;                    ///< training images: the bank of knn and csd
  std::string id_test;               ///< empty: `id` itself
  std::vector<std::string> ood;      ///< "name=SPEC"
  std::vector<std::string> methods;  ///< empty or "all": all
  std::string out;                   ///< directory of the report; empty: none
  std::string arch;                  ///< for weights that do not say it
  std::vector<double> mean, std;     ///< likewise
  int64_t csd_k = 10, knn_k = 50;
  std::vector<std::string> csd_scales;  ///< sets of scales (mode/detectors/regions.h); empty: the paper's
  std::string csd_match = "cross";      ///< or "same"
  std::string csd_reduce = "min";       ///< or "mean", "max"
  int64_t bank_rows = 0;                ///< of csd's bank, kept; 0: all
  std::string bank_choice = "random";   ///< or "kcenter"
  int64_t batch = 256;
  std::string device = "cpu";
  int threads = 0;
  std::vector<std::string> command_line;  ///< goes into the report
};
int run_eval(const EvalOptions& options);

}  // namespace mode::tools
