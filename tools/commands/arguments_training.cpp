// The command lines of mode train, mode finetune and mode study.
#include <CLI/CLI.hpp>

#include "nn/data/augment.h"
#include "tools/commands/argument_parts.h"
#include "tools/commands/common.h"

namespace mode::tools {

namespace {

void add_learning_rate(CLI::App* command, TrainOptions& o, const char* schedules) {
  const char* const group = "Learning rate";
  command->add_option("--lr", o.lr, "at the peak")->check(positive_number())->capture_default_str()->group(group);
  command->add_option("--schedule", o.schedule, fmt::format("{}; by step, not by epoch", schedules))->capture_default_str()->group(group);
  command->add_option("--final-ratio", o.final_ratio, "of cosine: its end, as a share of --lr")
      ->check(share())
      ->capture_default_str()
      ->group(group);
  command->add_option("--warmup-epochs", o.warmup_epochs, "epochs in which the learning rate rises to the peak")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str()
      ->group(group);
  command->add_option("--warmup-start", o.warmup_start, "where it rises from (--lr, if that is less)")
      ->check(number_from_zero())
      ->capture_default_str()
      ->group(group);
}

/// Of --schedule step.
void add_milestones(CLI::App* command, TrainOptions& o) {
  const char* const group = "Learning rate";
  command->add_option("--milestones", o.milestones, "of step: epochs after which the rate falls, as in --milestones 100,150")
      ->delimiter(',')
      ->check(CLI::Range(1, 1000000))
      ->group(group);
  command->add_option("--gamma", o.gamma, "of step: the factor at each milestone")->check(share())->capture_default_str()->group(group);
}

void add_optimizer(CLI::App* command, TrainOptions& o) {
  const char* const group = "Optimizer (SGD)";
  command->add_option("--momentum", o.momentum)->check(share())->capture_default_str()->group(group);
  command->add_flag("--nesterov", o.nesterov, "Nesterov's momentum")->group(group);
  command->add_option("--weight-decay", o.weight_decay)->check(number_from_zero())->capture_default_str()->group(group);
  command
      ->add_flag("--no-decay-norm-bias", o.no_decay_norm_bias,
                 "no decay of parameters of one axis: BatchNorm's and biases; they are listed")
      ->group(group);
  command->add_option("--clip", o.clip, "scale gradients down to this norm of all of them together; 0: never. log.csv has the norm")
      ->check(number_from_zero())
      ->capture_default_str()
      ->group(group);
  command->add_option("--label-smoothing", o.label_smoothing, "share of the target spread over all classes")
      ->check(share())
      ->capture_default_str()
      ->group(group);
}

void add_base_loss(CLI::App* command, TrainOptions& o, const std::string& help, const std::vector<std::string>& losses) {
  const char* const group = "Objective";
  command->add_option("--loss", o.loss, help)->check(CLI::IsMember(losses))->capture_default_str()->group(group);
  command->add_option("--temperature", o.temperature, "of supcon and simclr")
      ->check(positive_number())
      ->capture_default_str()
      ->group(group);
  command->add_option("--loss-scale", o.loss_scale, "factor of supcon and simclr; the published code's is 0.1 / 0.07")
      ->check(positive_number())
      ->capture_default_str()
      ->group(group);
}

/// What ALPA beside a loss needs.
void add_alpa_beside(CLI::App* command, TrainOptions& o) {
  const char* const group = "Objective";
  command->add_option("--alpa-weight", o.alpa_weight, "lambda, the weight of ALPA beside the loss")
      ->check(positive_number())
      ->capture_default_str()
      ->group(group);
  command->add_flag("--alpa-labels", o.alpa_labels, "under simclr: ALPA's positives by label, not by image")->group(group);
}

void add_alpa(CLI::App* command, TrainOptions& o) {
  const char* const group = "Objective";
  command->add_option("--views", o.views, "of each image in a batch, each augmented anew; 0: 2 for supcon and simclr, else 1")
      ->check(CLI::Range(0, 256))
      ->capture_default_str()
      ->group(group);
  command->add_option("--alpa-temperature", o.alpa_temperature, "similarities are divided by it")
      ->check(positive_number())
      ->capture_default_str()
      ->group(group);
  command->add_option("--alpa-aggregate", o.alpa_aggregate, "mean, max, sum or logsum over an image's regions")
      ->check(CLI::IsMember({"mean", "max", "sum", "logsum"}))
      ->capture_default_str()
      ->group(group);
  command->add_option("--alpa-grid", o.alpa_grid, "a larger map is averaged to so many regions an edge")
      ->check(CLI::Range(1, 64))
      ->capture_default_str()
      ->group(group);
}

void add_framing(CLI::App* command, TrainOptions& o) {
  const char* const group = "Images";
  command->add_option("--size", o.size, "edge of the network's input")->check(CLI::Range(1, 4096))->capture_default_str()->group(group);
  command->add_option("--crop", o.crop, "how others become square: squash, or center (short side resized, middle cut out)")
      ->capture_default_str()
      ->group(group);
  command->add_option("--short-side", o.short_side, "of --crop center: pixels before the middle is cut out; 0: --size")
      ->check(CLI::Range(0, 8192))
      ->capture_default_str()
      ->group(group);
  command->add_option("--mean", o.mean, "three numbers, pixels in 0 .. 1; default: CIFAR's own, else measured")
      ->expected(3)
      ->check(any_number())
      ->group(group);
  command->add_option("--std", o.std, "likewise")->expected(3)->check(positive_number())->group(group);
}

void add_images(CLI::App* command, TrainOptions& o) {
  const char* const group = "Images";
  command->add_option("--augment", o.augment, fmt::format("one of {}", join(nn::known_augments(), ", ")))
      ->capture_default_str()
      ->group(group);
  command->add_option("--read-size", o.read_size, "edge at which images are read before augmentation crops --size out of them; 0: --size")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str()
      ->group(group);
  command->add_option("--workers", o.workers, "threads that read, decode and augment; 0: as many as --threads. Results do not depend on it")
      ->check(CLI::Range(0, 64))
      ->capture_default_str()
      ->group(group);
  command
      ->add_flag_callback(
          "--no-augment",
          [&o] {
            o.augment = "none";
            o.given.insert("augment");
          },
          "the same as --augment none")
      ->group(group);
}

}  // namespace

CLI::App* add_train(CLI::App& app, TrainOptions& o) {
  CLI::App* command = app.add_subcommand("train", "train a ResNet to classify a labeled data set");
  command->add_option("--data", o.data, "labeled training images");
  command->add_option("--out", o.out, "directory of the run: model, best and state.safetensors, log.csv; one process at a time");
  command->add_option("--preset", o.preset,
                      fmt::format("settings by name, which other options override: {}; list shows them", join(known_presets(), ", ")));
  command->add_option("--arch", o.arch, "resnet8 .. resnet56 (16-32-64 channels), resnet18, resnet34, resnet50, resnet101")
      ->capture_default_str();
  command->add_option("--epochs", o.epochs)->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--batch", o.batch, "images per step")->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--seed", o.seed, "of weights, order, augmentation and hold-out; the same seed gives the same weights")
      ->capture_default_str();
  command->add_option("--shortcut", o.shortcut,
                      "a (every second pixel, zero channels) or projection (1x1 convolution); default as in the paper");
  command->add_option("--stem", o.stem, "cifar (3x3) or imagenet (7x7 stride 2, maximum)")->capture_default_str();
  add_learning_rate(command, o, "cosine, step or constant");
  add_milestones(command, o);
  add_optimizer(command, o);
  add_base_loss(command, o, "ce (cross-entropy), supcon, simclr; none: ALPA alone", {"ce", "supcon", "simclr", "none"});
  command->add_option("--alpa", o.alpa, "joint: ALPA beside the loss (MODE-T)")
      ->check(CLI::IsMember({"off", "joint"}))
      ->capture_default_str()
      ->group("Objective");
  add_alpa_beside(command, o);
  add_alpa(command, o);
  add_framing(command, o);
  add_images(command, o);
  const char* const group = "Choice and saving";
  command
      ->add_option("--holdout", o.holdout,
                   "share of each class never trained on; best.safetensors is the epoch that knows most of them. 0: none")
      ->check(share())
      ->capture_default_str()
      ->group(group);
  command->add_option("--patience", o.patience, "end after that many epochs without a better one on the held-out images; 0: never")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str()
      ->group(group);
  command->add_option("--val", o.val, "images whose accuracy is printed after each epoch; nothing is chosen on them")->group(group);
  command->add_option("--save-every", o.save_every, "save within epochs too: every 500 (steps) or 10m (minutes). Ctrl-C always saves")
      ->group(group);
  command
      ->add_flag("--resume", o.resume,
                 "go on with the run in --out, to the same bits; but --threads and --workers, everything else is taken from it")
      ->group(group);
  add_device(command, o.device);
  add_threads(command, o.threads);
  example(command,
          "mode train --data cifar10:DIR --val 'cifar10:DIR?split=test' --arch resnet20 --epochs 30 --out runs/resnet20\n"
          "  mode train --data cifar10:DIR --preset cifar10-ce --batch 128 --lr 0.05 --out runs/base\n"
          "  mode train --data folder:DIR --schedule step --milestones 30,60 --gamma 0.1 --epochs 90 --out runs/step\n"
          "  mode train --data folder:DIR --nesterov --no-decay-norm-bias --label-smoothing 0.1 --clip 5 --out runs/smooth\n"
          "  mode train --data folder:DIR --size 64 --crop center --short-side 72 --augment imagenet --read-size 96 --workers 2 --out "
          "runs/framed\n"
          "  mode train --data folder:DIR --holdout 0.1 --patience 10 --save-every 10m --out runs/patient\n"
          "  mode train --data cifar10:DIR --arch resnet20 --loss supcon --augment contrastive --alpa joint --out runs/mode-t\n"
          "  mode train --resume --out runs/patient");
  return command;
}

CLI::App* add_finetune(CLI::App& app, TrainOptions& o) {
  CLI::App* command = app.add_subcommand("finetune", "ALPA alone, from a trained network (MODE-F)");
  command->add_option("--from", o.from, "safetensors file of the network; input, normalization and held-out images are its own");
  command->add_option("--data", o.data, "labeled training images");
  command->add_option("--out", o.out, "directory of the run, as mode train's");
  command->add_option("--preset", o.preset, "settings by name, which other options override: mode-f is the paper's; list shows all");
  command->add_option("--epochs", o.epochs)->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--batch", o.batch, "images per step")->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--seed", o.seed, "of ALPA's heads, order and augmentation")->capture_default_str();
  add_foreign(command, o.arch, o.mean, o.std);
  add_learning_rate(command, o, "cosine, step or constant");
  add_milestones(command, o);
  add_optimizer(command, o);
  command->add_flag("--alpa-labels", o.alpa_labels, "after simclr: positives by label, not by image")->group("Objective");
  add_alpa(command, o);
  add_images(command, o);
  command->add_option("--save-every", o.save_every, "save within epochs too: every 500 (steps) or 10m (minutes). Ctrl-C always saves");
  command->add_flag("--resume", o.resume,
                    "go on with the run in --out, to the same bits; but --threads and --workers, everything else is taken from it");
  add_device(command, o.device);
  add_threads(command, o.threads);
  example(command, "mode finetune --from runs/base/model.safetensors --data cifar10:DIR --epochs 100 --out runs/mode-f");
  return command;
}

CLI::App* add_study(CLI::App& app, StudyOptions& study) {
  TrainOptions& o = study.train;
  CLI::App* command = app.add_subcommand("study", "what ALPA gains over as much further training without it, over seeds");
  command->add_option("--data", o.data, "labeled training images, and the detectors' bank");
  command->add_option("--id-test", study.id_test, "images of the same classes that are not trained on");
  command->add_option("--ood", study.ood, "NAME=SPEC, any number of them");
  command->add_option("--out", o.out,
                      "directory of the study; the same command again goes on there, with other --seeds, --arms, --ood if wanted");
  command
      ->add_option("--arms", study.arms,
                   "some of base (the loss), extra (base, then more of it), joint (the loss and ALPA, MODE-T), finetune (base, then ALPA "
                   "alone, MODE-F); default: all")
      ->delimiter(',')
      ->check(CLI::IsMember(study_arms()));
  command->add_option("--seeds", study.seeds, "a run of each arm for each")->delimiter(',')->capture_default_str();
  command->add_option("--preset", o.preset,
                      "settings of base by name, which other options override, of those without ALPA; list shows them");
  command->add_option("--arch", o.arch, "as mode train's")->capture_default_str();
  command->add_option("--epochs", o.epochs, "of base and joint")->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--extra-epochs", study.extra_epochs, "of extra and finetune, after those of base")->check(CLI::Range(1, 1000000));
  command->add_option("--extra-lr", study.extra_lr, "their learning rate at the peak")->check(positive_number())->capture_default_str();
  command->add_option("--batch", o.batch, "images per step")->check(CLI::Range(1, 1000000))->capture_default_str();
  command->add_option("--k", study.k, "neighbor whose distance both detectors take")->check(CLI::Range(1, 1024))->capture_default_str();
  command->add_option("--shortcut", o.shortcut, "as mode train's");
  command->add_option("--stem", o.stem, "as mode train's")->capture_default_str();
  add_learning_rate(command, o, "cosine or constant");
  add_optimizer(command, o);
  add_base_loss(command, o, "of base: ce (cross-entropy), supcon or simclr", {"ce", "supcon", "simclr"});
  add_alpa_beside(command, o);
  add_alpa(command, o);
  add_framing(command, o);
  add_images(command, o);
  command->add_option("--save-every", o.save_every, "save within epochs too: every 500 (steps) or 10m (minutes). Ctrl-C always saves");
  add_device(command, o.device);
  add_threads(command, o.threads);
  example(command,
          "mode study --data cifar10:DIR --id-test 'cifar10:DIR?split=test' --ood textures=folder:DIR --arch resnet20 --epochs 30 "
          "--extra-epochs 10 --out runs/study");
  return command;
}

}  // namespace mode::tools
