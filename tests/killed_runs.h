#pragma once
// A tiny training run that is killed at random moments (kill -9) and resumed until it ends: it must end as one that nobody killed.

#include <chrono>
#include <thread>

#include "nn/safetensors.h"
#include "tensor/philox.h"
#include "tests/command.h"
#include "tests/command_training.h"

namespace command {

/// Uses every part of a state: momentum, meters within an epoch, the validation split, the best epoch, patience, a falling learning rate.
inline std::vector<std::string> tiny_run(const std::string& out) {
  return {"train",
          "--data",
          "synthetic:shapes?split=train&limit=80",
          "--size",
          "12",
          "--arch",
          "resnet8",
          "--epochs",
          "4",
          "--batch",
          "8",
          "--seed",
          "5",
          "--nesterov",
          "--clip",
          "1",
          "--label-smoothing",
          "0.1",
          "--val-fraction",
          "0.2",
          "--monitor",
          "synthetic:shapes?split=test&limit=16",
          "--patience",
          "3",
          "--save-every",
          "1",
          "--threads",
          "1",
          "--out",
          out};
}

/// The same of a run of MODE-T: two views, a projection head and ALPA's, batches made by several workers.
inline std::vector<std::string> tiny_mode_t_run(const std::string& out) {
  return {"train",
          "--data",
          "synthetic:shapes?split=train&limit=48",
          "--size",
          "12",
          "--arch",
          "resnet8",
          "--epochs",
          "3",
          "--batch",
          "8",
          "--seed",
          "5",
          "--lr",
          "0.05",
          "--loss",
          "supcon",
          "--alpa",
          "joint",
          "--augment",
          "contrastive",
          "--val-fraction",
          "0.2",
          "--save-every",
          "1",
          "--threads",
          "1",
          "--workers",
          "3",
          "--out",
          out};
}

/// What must not depend on kills.
struct Ending {
  std::string weights, state, best, model, log;
  bool operator==(const Ending&) const = default;
};
inline Ending ending_of(const std::string& out, const Result& last) {
  return {value_after(last.out, "weights"), nn::content_hash(nn::read_safetensors(out + "/state.safetensors").tensors),
          std::filesystem::exists(out + "/best.safetensors") ? read_bytes(out + "/best.safetensors") : "",
          read_bytes(out + "/model.safetensors"), without_times(read_bytes(out + "/log.csv"))};
}

/// Every file is complete, except the unfinished file of a killed writer.
inline void expect_no_broken_file(const std::string& out) {
  if (!std::filesystem::exists(out)) return;
  for (const auto& entry : std::filesystem::directory_iterator(out)) {
    const std::string name = entry.path().filename();
    if (name.rfind(".unfinished-", 0) == 0 || name == ".lock") continue;
    if (name == "log.csv") {
      const std::string log = read_bytes(entry.path());
      ASSERT_EQ(log.rfind("epoch,step,", 0), 0u) << log;
      ASSERT_EQ(log.back(), '\n') << log;
      const auto columns = std::count(log.begin(), log.begin() + static_cast<std::ptrdiff_t>(log.find('\n')), ',');
      ASSERT_EQ(std::count(log.begin(), log.end(), ','), columns * std::count(log.begin(), log.end(), '\n')) << log;
      continue;
    }
    ASSERT_TRUE(name == "state.safetensors" || name == "model.safetensors" || name == "best.safetensors") << name;
    ASSERT_NO_THROW(nn::read_safetensors(entry.path())) << name;  // its hash is compared, too
  }
}

struct Kills {
  int done = 0, before_any_state = 0, mid_run = 0, runs = 0;
};

/// Runs that are killed up to `most_each` times, until `kills` processes have been killed. The moments are drawn from `seed`, spread over
/// start-up, steps and saves: 0 to `span` of the time that an undisturbed run takes.
inline Kills expect_same_ending_whatever_is_killed(int kills, int most_each, double span, uint64_t seed,
                                                   std::vector<std::string> (*tiny)(const std::string& out) = tiny_run) {
  const TemporaryDirectory directory;
  const auto start = std::chrono::steady_clock::now();
  const Result whole = run(tiny(directory / "whole"));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_EQ(whole.status, 0) << whole.out << whole.err;
  const Ending expected = ending_of(directory / "whole", whole);
  EXPECT_EQ(expected.weights.size(), 16u);

  Kills count;
  for (uint64_t moment = 0; count.done < kills && !testing::Test::HasFailure(); ++count.runs) {
    const std::string out = directory / ("run" + std::to_string(count.runs));
    Result last;
    for (int killed = 0;;) {
      const bool resumes = std::filesystem::exists(out + "/state.safetensors");
      Process process(resumes ? std::vector<std::string>{"train", "--resume", "--threads", "1", "--out", out} : tiny(out));
      if (killed < most_each && count.done < kills) {
        const auto words = tensor::philox(seed, tensor::Stream::test, moment++);
        std::this_thread::sleep_for(std::chrono::duration<double>(span * seconds * tensor::uniform(words[0], words[1])));
        process.signal(SIGKILL);
      }
      last = process.wait();
      if (last.status != 128 + SIGKILL) break;
      ++killed;
      ++count.done;
      ++(resumes ? count.mid_run : count.before_any_state);
      expect_no_broken_file(out);
      if (testing::Test::HasFailure()) return count;
    }
    EXPECT_EQ(last.status, 0) << "run " << count.runs << ": " << last.out << last.err;
    EXPECT_TRUE(ending_of(out, last) == expected)
        << "run " << count.runs << " ended in " << value_after(last.out, "weights") << ", undisturbed in " << expected.weights << "\n"
        << without_times(read_bytes(out + "/log.csv")) << "undisturbed\n"
        << expected.log;
    int others = 0;
    for (const auto& entry : std::filesystem::directory_iterator(out)) others += entry.path().filename().string()[0] == '.';
    EXPECT_EQ(others, 0) << "what killed writers left must be gone";
    std::filesystem::remove_all(out);
  }
  return count;
}

}  // namespace command
