"""Parameters of face search, tracking and the averaging of estimates.

Times are seconds, lengths are pixels of the frame unless a name says otherwise, "widths" are widths of the face's box.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Parameters of face search.

    Args:
        period_seconds: time from one search of the whole frame to the next.
        minimum_score: lowest HOG score of a detection. A known face may be detected at a score that is too low for a
            new one (Zhang et al. 2022, ByteTrack, section 3).
        minimum_face_pixels: lower bound of the default width of the smallest face.
        faces_per_frame_side: default width of the smallest face, as a fraction 1 / n of the frame's longer side.
        local_face_pixels: width to which a face is scaled for a local search.
        local_window_widths: side of the square that a local search covers.
    """

    period_seconds: float = 0.2
    minimum_score: float = -0.3
    minimum_face_pixels: int = 80
    faces_per_frame_side: int = 12
    local_face_pixels: int = 80
    local_window_widths: float = 2.1


@dataclass(frozen=True, kw_only=True)
class FlowConfig:
    """Parameters of median flow and of the appearance vector.

    Args:
        maximum_side_pixels: upper bound of the longer side of the reduced frame, on which flow is computed.
        grid_points: points per side of the grid in each box.
        grid_extent_widths: part of the box that the grid covers: skin rather than background.
        window_pixels: side of the Lucas-Kanade window, in the reduced frame.
        pyramid_levels: highest level of the Lucas-Kanade pyramid.
        maximum_return_error_pixels: forward-backward error below which a point is an inlier, in the reduced frame.
        minimum_points: inliers below which no motion is computed.
        maximum_growth: largest relative change of size from one frame to the next.
        patch_pixels: side of the picture from which the appearance vector is made.
        patch_color_weight: weight of the mean colour in the appearance vector.
    """

    maximum_side_pixels: int = 480
    grid_points: int = 5
    grid_extent_widths: float = 0.72
    window_pixels: int = 9
    pyramid_levels: int = 3
    maximum_return_error_pixels: float = 1.0
    minimum_points: int = 6
    maximum_growth: float = 0.1
    patch_pixels: int = 16
    patch_color_weight: float = 0.3


@dataclass(frozen=True, kw_only=True)
class TrackerConfig:
    """Parameters of the tracker. Correlations are those of appearance vectors, -1 to 1.

    Args:
        lost_track_seconds: time after which a track out of sight is deleted.
        undetected_track_seconds: time for which a track stays visible without a detection, e.g. in profile.
        maximum_lost_tracks: upper bound of tracks that are kept while out of sight.
        extrapolation_seconds: time for which a track out of sight continues at its last speed.
        neutral_score: detection score that is no evidence for or against a new face; where nothing moves, a false
            detection returns each time. Low, because HOG scores of Black people are lower (docs/EXPERIMENTS.md).
        confirmation_score: sum of (score - neutral_score) from which a candidate becomes a track.
        candidate_seconds: time after which an unconfirmed candidate is deleted.
        new_track_delay_seconds: time for which a candidate near a lost track gets no new id: a half-covered face
            resembles neither itself nor another.
        maximum_candidate_iou: overlap with a visible face from which a detection is a second size of that face.
        minimum_visible_correlation: correlation below which a face counts as hidden; half-covered faces have 0.5.
        minimum_motion_correlation: correlation from which measured motion is the face's own, not an occluder's.
        minimum_inlier_share: share of flow inliers below which the measured motion is ignored.
        minimum_occlusion_iou: overlap with a detected face from which an undetected face is hidden behind it.
        same_position_iou: overlap from which a detection confirms the position instead of starting it anew.
        maximum_isolated_iou: overlap with other faces up to which a detection may update the appearance.
        minimum_update_score_ratio: ratio to the mean score from which a detection may update the appearance.
        minimum_update_weight: lower bound of a detection's weight in the appearance; half-covered faces score so low.
        correction_gain: share of a detection's difference that is corrected, after the first few detections.
        speed_gain: share of the difference in speed that is corrected per frame.
        maximum_matching_widths: distance up to which a detection matches a visible track.
        maximum_size_ratio: ratio of widths below which a detection matches a visible track.
        maximum_speed_widths: widths per second by which a track out of sight may have moved.
        maximum_lost_size_ratio: ratio of widths below which a detection matches a track out of sight.
        minimum_lost_correlation: correlation required to match a track out of sight, at its last position.
        minimum_lost_correlation_far: the same at the largest possible distance; other people have 0.2 to 0.6.
        lost_matching_cost: extra cost of matching a track out of sight: visible tracks have the first claim.
        lost_distance_cost: cost per largest possible distance of matching a track out of sight.
        local_search_interval_seconds: time between two local searches for the same face.
        local_search_seconds: time for which local searches look for a track out of sight.
        flow: parameters of median flow.
    """

    lost_track_seconds: float = 5.0
    undetected_track_seconds: float = 2.0
    maximum_lost_tracks: int = 64
    extrapolation_seconds: float = 1.0
    neutral_score: float = 0.1
    confirmation_score: float = 0.5
    candidate_seconds: float = 0.5
    new_track_delay_seconds: float = 0.25
    maximum_candidate_iou: float = 0.3
    minimum_visible_correlation: float = 0.45
    minimum_motion_correlation: float = 0.75
    minimum_inlier_share: float = 0.3
    minimum_occlusion_iou: float = 0.1
    same_position_iou: float = 0.5
    maximum_isolated_iou: float = 0.05
    minimum_update_score_ratio: float = 0.6
    minimum_update_weight: float = 0.05
    correction_gain: float = 0.15
    speed_gain: float = 0.3
    maximum_matching_widths: float = 0.6
    maximum_size_ratio: float = 1.7
    maximum_speed_widths: float = 2.5
    maximum_lost_size_ratio: float = 2.0
    minimum_lost_correlation: float = 0.35
    minimum_lost_correlation_far: float = 0.65
    lost_matching_cost: float = 0.5
    lost_distance_cost: float = 0.3
    local_search_interval_seconds: float = 0.1
    local_search_seconds: float = 1.5
    flow: FlowConfig = field(default_factory=FlowConfig)


@dataclass(frozen=True, kw_only=True)
class SmoothingConfig:
    """Parameters of the averaging of a track's estimates.

    Args:
        time_constant_seconds: time after which an observation's weight has fallen to 1 / e; 0 for no averaging.
        intervals_seconds: time from each estimate of a face to the next; the last one for all later estimates.
        early_seconds: how early an estimate may be made, as frames rarely fall on the due time.
        maximum_faces_per_frame: faces that are estimated in one frame; others wait for the next. With four, 5 % of the
            frames with eight faces were late by 65 ms and more, on AVX2 by 86; with two by 38.
        averaged_error_share: share of the age's squared error that differs from frame to frame, so that averaging
            removes it: 0.004 for slight changes, 0.05 for strong ones. With 0.05 the interval still covers 80 %
            (benchmarks/evidence.py).
        minimum_weight: lower bound of a view's weight.
    """

    time_constant_seconds: float = 30.0
    intervals_seconds: tuple[float, ...] = (0.1, 0.1, 0.2, 0.4, 1.0)
    early_seconds: float = 0.005
    maximum_faces_per_frame: int = 2
    averaged_error_share: float = 0.05
    minimum_weight: float = 0.01
